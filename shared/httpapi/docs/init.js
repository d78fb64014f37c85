// validatorUrl is null because Swagger UI would otherwise send the document to validator.swagger.io.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
});

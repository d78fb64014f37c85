// Opens an account with the generated types of the command API, reads its balance with those of the query API, and finds
// the view in the list of the admin API. Its arguments are the URLs of the three, and the token for the last.
import createClient from "openapi-fetch";
import type { paths as AdminPaths } from "./admin.js";
import type { paths as CommandPaths } from "./command.js";
import type { paths as QueryPaths } from "./query.js";

declare const process: { argv: string[] };

const [, , commandURL = "", queryURL = "", adminURL = "", token = ""] = process.argv;
const commands = createClient<CommandPaths>({ baseUrl: commandURL });
const queries = createClient<QueryPaths>({ baseUrl: queryURL });
const admin = createClient<AdminPaths>({ baseUrl: adminURL, headers: { Authorization: `Bearer ${token}` } });

const opened = await commands.POST("/v1/commands/account/{id}/open", {
  params: { path: { id: "ada-ts" }, header: { "Idempotency-Key": "c-2" } },
  body: { owner: "Ada Lovelace", currency: "EUR" },
});
if (!opened.data) {
  throw new Error(`open: ${opened.response.status}: ${opened.error.code}`);
}

const read = await queries.GET("/v1/views/account-balance/{key}", {
  params: {
    path: { key: "ada-ts" },
    header: { "Orchestrix-Position": opened.response.headers.get("Orchestrix-Position") ?? "", Prefer: "wait=30" },
  },
});
if (!read.data) {
  throw new Error(`read ${opened.data.stream}: ${read.response.status}: ${read.error?.code}`);
}
console.log(read.data.data.owner, read.data.data.balance, read.data.data.currency);

const refused = await commands.POST("/v1/commands/account/{id}/open", {
  params: { path: { id: "bob-ts" } },
  body: { owner: "Bob", currency: "euro" },
});
console.log(refused.error?.code);

const projections = await admin.GET("/projections");
if (!projections.data) {
  throw new Error(`projections: ${projections.response.status}: ${projections.error.code}`);
}
for (const build of projections.data.items ?? []) {
  if (build.view === "account-balance") {
    console.log(build.view);
  }
}

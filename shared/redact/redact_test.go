package redact_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/orchestrix-go/orchestrix/shared/redact"
)

func TestSecretsAreRemovedByTheirForm(t *testing.T) {
	t.Parallel()
	r := redact.New(nil, nil)
	for text, want := range map[string]string{
		"no server at nats://orx:s3cret@nats:4222: refused":                "no server at nats://orx:xxxxx@nats:4222: refused",
		"nats://a:one@h1:4222,nats://b:two@h2":                             "nats://a:xxxxx@h1:4222,nats://b:xxxxx@h2",
		"nats://mytoken@nats:4222":                                         "nats://xxxxx@nats:4222",
		"postgres://orx@db/orx":                                            "postgres://orx@db/orx",
		"postgres://orx:a@b/c@db/orx":                                      "postgres://orx:xxxxx@db/orx",
		"get http://localhost:9082/v1/x@y":                                 "get http://localhost:9082/v1/x@y",
		`parse "http://u:pw@h:x": invalid port ":x" after host`:            `parse "http://u:xxxxx@h:x": invalid port ":x" after host`,
		"host=db user=orx password=s3cret dbname=orx":                      "host=db user=orx password=xxxxx dbname=orx",
		"host=db password='my secret' dbname=orx":                          "host=db password=xxxxx dbname=orx",
		"postgres://db/orx?sslpassword=s3cret&user=orx":                    "postgres://db/orx?sslpassword=xxxxx&user=orx",
		"seed SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY":  "seed xxxxx",
		"-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY----- end": "xxxxx end",
		"nothing to hide: a/b@c, x:y":                                      "nothing to hide: a/b@c, x:y",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%q becomes %q, not %q", text, got, want)
		}
	}
}

// Errors of parsers show parts of a URL, where nothing shows that they are of a password.
func TestPasswordsOfTheEnvironmentAreRemovedEverywhere(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"hunter2secret", "hunter2/secret", "hunter2 secret", "hunter2@secret", "hunter2%zzsecret", "hunter2%40secret", `hunter2"secret`, "hunter2:secret", "hunter2?secret#x"} {
		address := "postgres://orx:" + password + "@db:5432/orx"
		r := redact.New([]string{"--nats-url", "nats://orx:" + password + "@nats"}, []string{"DATABASE_URL=" + address})
		decoded, _ := url.PathUnescape(password)
		_, err := url.Parse(address)
		for _, text := range []string{address, password, decoded, fmt.Sprint(err), fmt.Sprintf("%q", password), url.QueryEscape(password)} {
			got := r.Text(text)
			if strings.Contains(got, "hunter2") || strings.Contains(got, "secret") || strings.Contains(got, "%zz") {
				t.Errorf("%q shows %q", password, got)
			}
		}
	}
	same := redact.New(nil, []string{"DATABASE_URL=postgres://orchestrix:orchestrix@db/orchestrix"})
	if text := "run 'orchestrix migrate'"; same.Text(text) != text {
		t.Errorf("a public name is removed: %s", same.Text(text))
	}
	pg := redact.New(nil, []string{"PGPASSWORD=hunter2"})
	if got := pg.Text("it is hunter2"); got != "it is xxxxx" {
		t.Error(got)
	}
}

func TestWriter(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	n, err := fmt.Fprint(redact.New(nil, nil).Writer(&out), "nats://a:b@c")
	if err != nil || n != len("nats://a:b@c") || out.String() != "nats://a:xxxxx@c" {
		t.Errorf("%d bytes, %v: %s", n, err, &out)
	}
}

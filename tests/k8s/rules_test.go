package k8s

import (
	"slices"
	"strings"
	"testing"
)

// breaks are likely mistakes in a manifest. Each must be found, with a message that explains it.
var breaks = map[string]struct {
	overlay        string
	components     []string
	file, old, new string
	want           string // part of the message
}{
	"no tag": {
		"dev", nil, "overlays/dev/kustomization.yaml", "newTag: dev", "newName: orchestrix",
		`images are pinned: Deployment command, container service has the image "orchestrix"`,
	},
	"latest": {
		"production", nil, "overlays/production/kustomization.yaml", "newTag: 1.0.0", "newTag: latest",
		"images are pinned: Job migrate, container migrate has the image",
	},
	"latest of an operator": {
		"production", nil, "components/postgres-cloudnative/cluster.yaml", "postgresql:17.6", "postgresql:latest",
		"images are pinned: Cluster postgres has the image",
	},
	"no limit": {
		"dev", nil, "base/deployments.yaml", "limits:\n              cpu: \"2\"", "limits:",
		"containers are bounded: Deployment query, container service has no limit of cpu",
	},
	"no request": {
		"production", nil, "base/deployments.yaml", "requests:\n              cpu: 500m", "requests:",
		"containers are bounded: Deployment query, container service requests no cpu",
	},
	"a soft limit above the hard one": {
		"dev", nil, "base/deployments.yaml", "460MiB", "600MiB",
		"containers are bounded: Deployment query, container service has the GOMEMLIMIT 600MiB",
	},
	"root": {
		"dev", nil, "components/postgres/postgres.yaml", "runAsNonRoot: true", "runAsNonRoot: false",
		"pods are restricted: StatefulSet postgres may run as root",
	},
	"no seccomp": {
		"dev", nil, "base/deployments.yaml", "type: RuntimeDefault", "type: Unconfined",
		"pods are restricted: Deployment command has no seccomp profile",
	},
	"a token": {
		"dev", nil, "base/deployments.yaml", "automountServiceAccountToken: false", "automountServiceAccountToken: true",
		"pods are restricted: Deployment command gets a token",
	},
	"service links": {
		"dev", nil, "components/nats/nats.yaml", "enableServiceLinks: false", "enableServiceLinks: true",
		"pods are restricted: StatefulSet nats gets a variable for each Service",
	},
	"a path of the host": {
		"dev", nil, "components/nats/nats.yaml", "emptyDir:\n            medium: Memory\n            sizeLimit: 1Mi", "hostPath:\n            path: /run",
		"pods are restricted: StatefulSet nats mounts run of its host",
	},
	"a volume without a limit": {
		"dev", nil, "components/postgres/postgres.yaml", "sizeLimit: 256Mi", "medium: \"\"",
		"pods are restricted: StatefulSet postgres has the volume tmp without a limit",
	},
	"the host's network": {
		"dev", nil, "base/migrate.yaml", "enableServiceLinks: false", "enableServiceLinks: false\n      hostNetwork: true",
		"pods are restricted: Job migrate shares a namespace with its host",
	},
	"a root that can be written to": {
		"dev", nil, "base/deployments.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false",
		"containers are restricted: Deployment command, container service may write to its image",
	},
	"privileges": {
		"dev", nil, "base/migrate.yaml", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true",
		"containers are restricted: Job migrate, container migrate may gain privileges",
	},
	"capabilities": {
		"dev", nil, "components/nats/nats.yaml", "drop: [ALL]", "drop: [NET_RAW]",
		"containers are restricted: StatefulSet nats, container nats keeps capabilities",
	},
	"no startup probe": {
		"dev", nil, "base/deployments.yaml", "          startupProbe:\n            httpGet:\n              path: /healthz\n              port: health\n            periodSeconds: 1\n            timeoutSeconds: 1\n            failureThreshold: 60\n", "",
		"containers are probed: Deployment projection, container service has no startup probe",
	},
	"a restart where NATS is down": {
		"dev", nil, "base/deployments.yaml", "path: /healthz", "path: /readyz",
		"containers are probed: Deployment command, container service has a liveness probe of /readyz on health; it must be /healthz",
	},
	"a probe of no port": {
		"dev", nil, "components/nats/nats.yaml", "port: monitor", "port: metrics",
		"containers are probed: StatefulSet nats, container nats has a readiness probe of the port metrics, which it does not have",
	},
	"killed while it drains": {
		"dev", nil, "base/deployments.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 30",
		"stopping loses nothing: Deployment command, container service is killed after 30s, and needs 5s to sleep and 25s to drain",
	},
	"a longer drain": {
		"dev", nil, "base/kustomization.yaml", "SHUTDOWN_TIMEOUT=25s", "SHUTDOWN_TIMEOUT=60s",
		"stopping loses nothing: Deployment query, container service is killed after 45s",
	},
	"no preStop": {
		"dev", nil, "base/query.yaml", "          lifecycle:\n            preStop:\n              sleep: # until no proxy sends new connections here; the image has no shell to sleep in\n                seconds: 5\n", "",
		"stopping loses nothing: Deployment query, container service stops while proxies still send to it",
	},
	"a preStop without a shell": {
		"dev", nil, "base/query.yaml", "sleep: # until no proxy sends new connections here; the image has no shell to sleep in\n                seconds: 5\n", "exec:\n                command: [sleep, \"5\"]\n",
		"stopping loses nothing: Deployment query, container service has a preStop that the image can't run",
	},
	"an update that goes below": {
		"dev", nil, "base/deployments.yaml", "maxUnavailable: 0", "maxUnavailable: 1",
		"stopping loses nothing: Deployment command stops an instance before its successor is ready",
	},
	"a variable that is never read": {
		"dev", nil, "base/kustomization.yaml", "ORCHESTRIX_PARTITIONS", "ORCHESTRIX_PARTITION",
		"every variable is known: Deployment command, container service sets ORCHESTRIX_PARTITION, which command does not read",
	},
	"a variable of another service": {
		"dev", nil, "base/projection.yaml", "ORCHESTRIX_HEALTH_ADDR", "ORCHESTRIX_ADDR",
		"every variable is known: Deployment projection, container service sets ORCHESTRIX_ADDR, which projection does not read",
	},
	"a program that is not ours": {
		"dev", nil, "base/query.yaml", "[/orchestrix, query]", "[/orchestrix, queries]",
		`every variable is known: Deployment query, container service runs "queries"`,
	},
	"a program of an older image": {
		"dev", nil, "base/query.yaml", "[/orchestrix, query]", "[/query]",
		`every variable is known: Deployment query, container service runs "?"`,
	},
	"no database": {
		"dev", nil, "components/postgres/kustomization.yaml", "DATABASE_URL=", "OTEL_DATABASE_URL=",
		"every variable is known: Job migrate, container migrate is not told its DATABASE_URL",
	},
	"a password in a URL": {
		"dev", nil, "components/postgres/kustomization.yaml", "postgres://postgres:5432", "postgres://me:secret@postgres:5432",
		"secrets are referred to: ConfigMap orchestrix",
	},
	"a password in a variable": {
		"dev", nil, "base/query.yaml", "            - name: ORCHESTRIX_ADDR", "            - name: NATS_PASSWORD\n              value: secret\n            - name: ORCHESTRIX_ADDR",
		"secrets are referred to: Deployment query, container service holds a secret in NATS_PASSWORD",
	},
	"a Secret": {
		"dev", nil, "base/kustomization.yaml", "configMapGenerator:", "secretGenerator:\n  - name: more\n    literals: [a=b]\nconfigMapGenerator:",
		"secrets are referred to: Secret more",
	},
	"no such account": {
		"dev", nil, "base/query.yaml", "serviceAccountName: query", "serviceAccountName: queries",
		`references hold: Deployment query runs as the ServiceAccount "queries", which is not there`,
	},
	"no such ConfigMap": {
		"dev", nil, "components/nats/nats.yaml", "configMap:\n                  name: nats", "configMap:\n                  name: natz",
		"references hold: StatefulSet nats mounts the ConfigMap natz",
	},
	"a route to nothing": {
		"production", []string{"gateway"}, "components/gateway/route.yaml", "name: query\n          port: 80", "name: query\n          port: 8081",
		"references hold: HTTPRoute orchestrix sends to the port 8081 of the Service query",
	},
	"an Ingress to nothing": {
		"dev", []string{"ingress"}, "components/ingress/ingress.yaml", "name: query,", "name: queries,",
		"references hold: Ingress orchestrix sends to the Service queries, which is not there",
	},
	"a Service without pods": {
		"dev", nil, "base/query.yaml", "  selector:\n    app.kubernetes.io/name: query", "  selector:\n    app.kubernetes.io/name: queries",
		"selectors match: Service query selects []",
	},
	"a Service of all": {
		"dev", nil, "base/query.yaml", "  selector:\n    app.kubernetes.io/name: query", "  selector:\n    app.kubernetes.io/part-of: orchestrix",
		"selectors match: Service query selects [",
	},
	"a Service to no port": {
		"dev", nil, "base/query.yaml", "targetPort: http", "targetPort: https",
		"selectors match: Service query sends to the port https",
	},
	"a budget without pods": {
		"production", nil, "components/nats-cluster/disruption.yaml", "app.kubernetes.io/name: nats", "app.kubernetes.io/name: natz",
		"selectors match: PodDisruptionBudget nats selects []",
	},
	"a monitor of no port": {
		"production", []string{"monitoring"}, "components/monitoring/monitors.yaml", "port: health", "port: metrics",
		"selectors match: PodMonitor orchestrix scrapes a port that Deployment command does not have",
	},
	"another address than port": {
		"dev", nil, "base/query.yaml", `":8081"`, `":8080"`,
		`selectors match: Deployment query, container service has the port http at 8081, and ORCHESTRIX_ADDR is ":8080"`,
	},
	"an admin port for other pods": {
		"dev", nil, "base/kustomization.yaml", "ORCHESTRIX_PARTITIONS=4", "ORCHESTRIX_PARTITIONS=4\n      - ORCHESTRIX_ADMIN_ADDR=:9180",
		"selectors match: Deployment command, container service opens the admin port to other pods",
	},
	"no tokens of operators": {
		"dev", nil, "base/kustomization.yaml", "      - ORCHESTRIX_ADMIN_TOKEN_FILE=/run/secrets/orchestrix/admin.token\n", "",
		"selectors match: Deployment query, container service has no tokens of operators",
	},
	"an autoscaler without a target": {
		"production", nil, "components/resilient/autoscaling.yaml", "    name: query", "    name: queries",
		"one hand scales: HorizontalPodAutoscaler query scales the Deployment queries, which is not there",
	},
	"two autoscalers": {
		"production", []string{"keda"}, "components/keda/projection.yaml", "scaleTargetRef:\n    name: projection", "scaleTargetRef:\n    name: query",
		"one hand scales: ScaledObject projection scales query, and so does HorizontalPodAutoscaler query",
	},
	"replicas that fight the autoscaler": {
		"production", nil, "components/resilient/kustomization.yaml", "name: projection\n", "name: query\n",
		"one hand scales: HorizontalPodAutoscaler query scales query, whose replicas the manifest sets back",
	},
	"one instance and a budget": {
		"production", nil, "components/resilient/kustomization.yaml", "  - name: projection\n    count: 2\n", "  - name: projection\n    count: 1\n",
		"one hand scales: Deployment projection has a budget for evictions: true, several instances: false",
	},
	"an unknown metric": {
		"production", []string{"keda"}, "components/keda/projection.yaml", "projection_lag_commits", "projection_lag_events",
		"metrics are documented: ScaledObject projection asks for orchestrix_projection_lag_events",
	},
	"nothing is denied": {
		"dev", nil, "base/network.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Egress]",
		"only needed arrows: Ingress is not denied",
	},
	"an arrow too many": {
		"dev", nil, "components/nats/network.yaml", "values: [command, projection, query, process, migrate]", "values: [command, projection, query, process, migrate, postgres]",
		"only needed arrows: postgres → nats:4222 may go out, and nothing needs it",
	},
	"an arrow that is missing": {
		"dev", nil, "components/nats/network.yaml", "values: [command, projection, query, process, migrate]", "values: [command, projection, process, migrate]",
		"only needed arrows: query → nats:4222 is needed, and may not go out",
	},
	"another port": {
		"dev", nil, "components/postgres/network.yaml", "port: 5432", "port: 5433",
		"only needed arrows: command → postgres:5432 is needed, and may not come in",
	},
	"every port": {
		"dev", nil, "components/postgres/network.yaml", "      ports:\n        - protocol: TCP\n          port: 5432\n", "",
		"only needed arrows: NetworkPolicy to-postgres allows every port",
	},
	"every address": {
		"production-existing", nil, "overlays/production-existing/kustomization.yaml", "198.51.100.0/24", "0.0.0.0/0",
		"only needed arrows: NetworkPolicy to-nats names every address there is",
	},
	"everyone": {
		"dev", nil, "components/postgres/network.yaml", "    - to:\n        - podSelector:\n            matchLabels:\n              app.kubernetes.io/name: postgres\n", "    - to: []\n",
		"only needed arrows: command → anywhere:5432 may go out, and nothing needs it",
	},
	"any namespace": {
		"production", []string{"monitoring"}, "components/monitoring/network.yaml", "kubernetes.io/metadata.name: monitoring", "team: a",
		"only needed arrows: NetworkPolicy from-prometheus names a peer that matches no known party",
	},
	"the gateway at the health port": {
		"production", []string{"gateway"}, "components/gateway/network.yaml", "port: http", "port: health",
		"only needed arrows: gateway → query:9081 may come in, and nothing needs it",
	},
	"no route between the servers": {
		"production", nil, "components/nats-cluster/network.yaml", "port: 6222", "port: 6223",
		"only needed arrows: nats → nats:6222 is needed, and may not go out",
	},
	"no way to the collector": {
		"production", []string{"telemetry"}, "components/telemetry/kustomization.yaml", ":4318", ":4317",
		"only needed arrows: command → otel-collector:4317 is needed, and may not go out",
	},
	"a field that no type has": {
		"dev", nil, "base/query.yaml", "serviceAccountName:", "serviceAcountName:", `unknown field "spec.template.spec.serviceAcountName"`,
	},
	"a field that KEDA does not have": {
		"production", []string{"keda"}, "components/keda/projection.yaml", "maxReplicaCount", "maxReplicas", `unknown field "spec.maxReplicas"`,
	},
	"a field that CloudNativePG does not have": {
		"production", nil, "components/postgres-cloudnative/cluster.yaml", "instances: 3", "replicas: 3", `unknown field "spec.replicas"`,
	},
}

func TestEveryRuleCanBeBroken(t *testing.T) {
	t.Parallel()
	for name, test := range breaks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree := load(t)
			if err := tree.Edit(test.file, test.old, test.new); err != nil {
				t.Fatal(err)
			}
			objects, err := tree.Render(test.overlay, test.components...)
			var in *Installation
			if err == nil {
				in, err = Decode(Orchestrix, objects)
			}
			var got []string
			if err != nil {
				got = []string{err.Error()}
			} else {
				got = Broken(in)
			}
			if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, test.want) }) {
				t.Errorf("%q is not among\n%s", test.want, strings.Join(got, "\n"))
			}
		})
	}
}

// A rule that no mistake in the table breaks may never fail.
func TestEveryRuleIsBrokenOnce(t *testing.T) {
	t.Parallel()
	for _, rule := range Rules {
		tried := false
		for _, test := range breaks {
			tried = tried || strings.HasPrefix(test.want, rule.Name+": ")
		}
		if !tried {
			t.Errorf("nothing breaks the rule %q", rule.Name)
		}
	}
}

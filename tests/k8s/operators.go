package k8s

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The used fields of two operators' types. Their own Go modules bring hundreds of packages (KEDA) or are not available
// everywhere (CloudNativePG). A field that is missing here breaks the strict decoding: add it from the operator's
// reference.

// ScaledObject is KEDA's.
type ScaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ScaleTargetRef  ScaleTarget `json:"scaleTargetRef"`
		MinReplicaCount int32       `json:"minReplicaCount"`
		MaxReplicaCount int32       `json:"maxReplicaCount"`
		PollingInterval int32       `json:"pollingInterval"`
		CooldownPeriod  int32       `json:"cooldownPeriod"`
		Fallback        struct {
			FailureThreshold int32 `json:"failureThreshold"`
			Replicas         int32 `json:"replicas"`
		} `json:"fallback"`
		Advanced struct {
			HorizontalPodAutoscalerConfig struct {
				Behavior autoscalingv2.HorizontalPodAutoscalerBehavior `json:"behavior"`
			} `json:"horizontalPodAutoscalerConfig"`
		} `json:"advanced"`
		Triggers []ScaleTrigger `json:"triggers"`
	} `json:"spec"`
}

// ScaleTarget is a Deployment.
type ScaleTarget struct {
	Name string `json:"name"`
}

// ScaleTrigger is a metric that a [ScaledObject] scales by.
type ScaleTrigger struct {
	Type       string                         `json:"type"`
	MetricType autoscalingv2.MetricTargetType `json:"metricType"`
	Metadata   map[string]string              `json:"metadata"`
}

// Cluster is CloudNativePG's.
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Instances             int    `json:"instances"`
		ImageName             string `json:"imageName"`
		EnableSuperuserAccess bool   `json:"enableSuperuserAccess"`
		EnablePDB             bool   `json:"enablePDB"`
		Bootstrap             struct {
			InitDB struct {
				Database string                      `json:"database"`
				Owner    string                      `json:"owner"`
				Secret   corev1.LocalObjectReference `json:"secret"`

				PostInitSQL []string `json:"postInitSQL"`
			} `json:"initdb"`
		} `json:"bootstrap"`
		Managed struct {
			Roles []ManagedRole `json:"roles"`
		} `json:"managed"`
		Storage    ClusterStorage `json:"storage"`
		WALStorage ClusterStorage `json:"walStorage"`
		PostgreSQL struct {
			Parameters map[string]string `json:"parameters"`
		} `json:"postgresql"`
		Resources corev1.ResourceRequirements `json:"resources"`
		Affinity  struct {
			EnablePodAntiAffinity bool   `json:"enablePodAntiAffinity"`
			PodAntiAffinityType   string `json:"podAntiAffinityType"`
			TopologyKey           string `json:"topologyKey"`
		} `json:"affinity"`
	} `json:"spec"`
}

// ManagedRole is a role that the operator keeps.
type ManagedRole struct {
	Name           string                      `json:"name"`
	Ensure         string                      `json:"ensure"`
	Login          bool                        `json:"login"`
	CreateRole     bool                        `json:"createrole"`
	PasswordSecret corev1.LocalObjectReference `json:"passwordSecret"`
}

// ClusterStorage is a volume of each instance.
type ClusterStorage struct {
	Size string `json:"size"`
}

// DeepCopyObject is needed by the decoder. No object is modified, so it returns the object itself.
func (s *ScaledObject) DeepCopyObject() runtime.Object { return s }

// DeepCopyObject is as that of [ScaledObject].
func (c *Cluster) DeepCopyObject() runtime.Object { return c }

func addOperators(scheme *runtime.Scheme) {
	scheme.AddKnownTypes(schema.GroupVersion{Group: "keda.sh", Version: "v1alpha1"}, &ScaledObject{})
	scheme.AddKnownTypes(schema.GroupVersion{Group: "postgresql.cnpg.io", Version: "v1"}, &Cluster{})
}

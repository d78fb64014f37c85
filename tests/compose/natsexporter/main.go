// Command natsexporter stands in for prometheus-nats-exporter where no registry can be reached: it gives the figures of a
// real NATS server, asked for at each scrape, the names that the exporter gives them, as far as deploy/observe uses them.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	varz := flag.Bool("varz", false, "the figures of the server")
	jsz := flag.String("jsz", "", "those of JetStream: all")
	flag.Bool("healthz", false, "taken, and not used: nothing in deploy/observe needs it")
	flag.Parse()
	if flag.NArg() != 1 || !*varz || *jsz != "all" {
		fmt.Fprintln(os.Stderr, "usage: natsexporter -varz -jsz=all [-healthz] URL")
		os.Exit(2)
	}
	e := exporter{url: flag.Arg(0), client: &http.Client{Timeout: 5 * time.Second}}
	server := &http.Server{Addr: ":7777", Handler: e, ReadHeaderTimeout: 5 * time.Second}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
	os.Exit(1)
}

type exporter struct {
	url    string
	client *http.Client
}

func (e exporter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	var server map[string]any
	var js jetStream
	err := e.get("/varz", &server)
	if err == nil {
		err = e.get("/jsz?consumers=true&config=true", &js)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	var out samples
	for name, value := range server {
		if number, ok := value.(float64); ok {
			out.add("gnatsd_varz_"+name, number, "server_id", e.url)
		}
	}
	js.samples(&out, fmt.Sprint(server["server_name"]))
	slices.Sort(out) // the samples of a metric have to be together
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	fmt.Fprint(w, strings.Join(out, ""))
}

func (e exporter) get(path string, into any) error {
	response, err := e.client.Get(e.url + path)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, response.StatusCode)
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// jetStream is what is used of the answer of /jsz.
type jetStream struct {
	Config struct {
		MaxStorage float64 `json:"max_storage"`
	} `json:"config"`
	Bytes    float64 `json:"bytes"`
	Accounts []struct {
		Name    string `json:"name"`
		Streams []struct {
			Name  string `json:"name"`
			State struct {
				Messages  float64 `json:"messages"`
				Bytes     float64 `json:"bytes"`
				Consumers float64 `json:"consumer_count"`
			} `json:"state"`
			Consumers []struct {
				Name    string  `json:"name"`
				Pending float64 `json:"num_pending"`
			} `json:"consumer_detail"`
		} `json:"stream_detail"`
	} `json:"account_details"`
}

func (js jetStream) samples(out *samples, server string) {
	out.add("jetstream_server_total_message_bytes", js.Bytes, "server_name", server)
	out.add("jetstream_server_max_storage", js.Config.MaxStorage, "server_name", server)
	for _, account := range js.Accounts {
		for _, s := range account.Streams {
			labels := []string{"server_name", server, "account", account.Name, "stream_name", s.Name}
			out.add("jetstream_stream_total_messages", s.State.Messages, labels...)
			out.add("jetstream_stream_total_bytes", s.State.Bytes, labels...)
			out.add("jetstream_stream_consumer_count", s.State.Consumers, labels...)
			for _, c := range s.Consumers {
				out.add("jetstream_consumer_num_pending", c.Pending, append(slices.Clone(labels), "consumer_name", c.Name)...)
			}
		}
	}
}

// samples are lines of the text format of Prometheus.
type samples []string

// add adds a sample; labels are names and values by turns.
func (s *samples) add(name string, value float64, labels ...string) {
	var text []string
	for pair := range slices.Chunk(labels, 2) {
		text = append(text, fmt.Sprintf("%s=%q", pair[0], pair[1]))
	}
	*s = append(*s, fmt.Sprintf("%s{%s} %v\n", name, strings.Join(text, ","), value))
}

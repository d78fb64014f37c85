package linear

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/orchestrix-go/orchestrix/shared/local/localtest"
)

const (
	clients  = 16
	counters = 5
)

// input is one command to one counter.
type input struct {
	counter, n int
}

// output is the answer. An unknown one means that the command may have been executed or not.
type output struct {
	unknown, accepted bool
	version           int
}

type state struct{ version, total int }

// nondeterministic is the sequential behaviour of a counter.
var nondeterministic = porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, counters)
		for _, o := range history {
			c := o.Input.(input).counter
			parts[c] = append(parts[c], o)
		}
		return parts
	},
	Init: func() []any { return []any{state{}} },
	Step: func(s, in, out any) []any {
		before, cmd, answer := s.(state), in.(input), out.(output)
		possible := before.total+cmd.n >= 0
		after := state{before.version + 1, before.total + cmd.n}
		switch {
		case answer.unknown && possible:
			return []any{before, after}
		case answer.unknown:
			return []any{before}
		case answer.accepted && possible && answer.version == after.version:
			return []any{after}
		case !answer.accepted && !possible:
			return []any{before}
		}
		return nil
	},
	Equal: func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string {
		return fmt.Sprintf("%+v → %+v", in, out)
	},
}

var model = nondeterministic.ToModel()

// history runs clients against two command services and returns their operations.
func history(t *testing.T, kind string, commands int, seed uint64, kills bool) []porcupine.Operation {
	t.Helper()
	natsURL := localtest.NATS(t).URL()
	servers := []*commandService{startService(t, kind, natsURL), startService(t, kind, natsURL)}
	for _, s := range servers {
		s.await()
	}
	var next atomic.Int64
	var mu sync.Mutex
	var operations []porcupine.Operation
	answered := make(chan struct{}, commands)
	began := time.Now()
	var running sync.WaitGroup
	for c := range clients {
		random := rand.New(rand.NewPCG(seed, uint64(c)))
		running.Go(func() {
			for {
				n := next.Add(1)
				if n > int64(commands) {
					return
				}
				in := input{counter: random.IntN(counters), n: random.IntN(11) - 5}
				call := time.Since(began)
				out := send(t.Context(), servers, random, in, fmt.Sprintf("c-%d", n))
				returned := time.Since(began)
				if out.unknown {
					returned = time.Hour // it may still be executed
				}
				mu.Lock()
				operations = append(operations, porcupine.Operation{ClientId: c, Input: in, Output: out, Call: int64(call), Return: int64(returned)})
				mu.Unlock()
				answered <- struct{}{}
			}
		})
	}
	var killing sync.WaitGroup
	if kills {
		killing.Go(func() {
			n := killRepeatedly(servers, answered, rand.New(rand.NewPCG(seed, clients)))
			t.Logf("%d kills", n)
		})
	}
	running.Wait()
	close(answered)
	killing.Wait()
	return operations
}

// killRepeatedly kills and restarts a random service after every 50 to 149 answers, and returns the number of kills. It
// counts answers, not time: otherwise a slow machine would kill each service before it is ready.
func killRepeatedly(servers []*commandService, answered <-chan struct{}, random *rand.Rand) (kills int) {
	for ; ; kills++ {
		for range 50 + random.IntN(100) {
			if _, ok := <-answered; !ok {
				return kills
			}
		}
		s := servers[random.IntN(len(servers))]
		s.kill()
		s.start()
	}
}

const patience = time.Minute // with a command, before its client counts its answer as unknown

// send sends a command to a random service, and retries with the same key where no answer comes.
func send(ctx context.Context, servers []*commandService, random *rand.Rand, in input, id string) output {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		s := servers[random.IntN(len(servers))]
		if out, ok := try(ctx, s, in, id); ok {
			return out
		}
		time.Sleep(10 * time.Millisecond)
	}
	return output{unknown: true}
}

func try(ctx context.Context, s *commandService, in input, id string) (output, bool) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	url := fmt.Sprintf("http://%s/v1/commands/counter/k%d/add", s.addr, in.counter)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(fmt.Sprintf(`{"n":%d}`, in.n)))
	if err != nil {
		return output{}, false
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", id)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return output{}, false
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return output{}, false
	}
	switch response.StatusCode {
	case http.StatusOK:
		var answer struct {
			Version int `json:"version"`
		}
		err := json.Unmarshal(body, &answer)
		return output{accepted: true, version: answer.Version}, err == nil
	case http.StatusUnprocessableEntity:
		return output{}, strings.Contains(string(body), "counter-negative")
	}
	return output{}, false
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("ORCHESTRIX_SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("ORCHESTRIX_SEED=%d draws the same commands and kills", seed)
		}
	})
	return seed
}

// Under kills of the services, each counter behaves as if it had executed all commands one after the other.
func TestCommandsAreLinearizable(t *testing.T) {
	t.Parallel()
	const commands = 5200
	operations := history(t, "careful", commands, seedOf(t), true)
	unknown := 0
	for _, o := range operations {
		if o.Output.(output).unknown {
			unknown++
		}
	}
	if result := porcupine.CheckOperationsTimeout(model, operations, 2*time.Minute); result != porcupine.Ok {
		t.Errorf("the history of %d commands is not linearizable: %s", len(operations), result)
	}
	if len(operations) != commands || unknown > commands/100 {
		t.Errorf("%d of %d commands have no answer", unknown, len(operations))
	}
	t.Logf("%d commands by %d clients on %d counters through 2 services, %d without an answer", len(operations), clients, counters, unknown)
}

// Without compare-and-swap the same check finds violations: it can fail.
func TestTheCheckCanFail(t *testing.T) {
	t.Parallel()
	operations := history(t, careless, 1500, seedOf(t), false)
	if result := porcupine.CheckOperationsTimeout(model, operations, 2*time.Minute); result != porcupine.Illegal {
		t.Errorf("without compare-and-swap the history is %s", result)
	}
}

package jetstream

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// nkeyFile logs a connection in with the NKey of a file, which may be replaced while the connection is up. The option of the
// client library reads the seed again, but keeps the public key of the first one, so that a replaced file locks it out.
type nkeyFile struct {
	path string
	conn atomic.Pointer[nats.Conn]

	mu       sync.Mutex
	keys     []nkey // that the file has held, the newest first; at most maxKeys
	attempts int    // since the connection was accepted
	current  nkey   // of the attempt that runs, or of the connection
}

type nkey struct {
	pair   nkeys.KeyPair
	public string
}

// maxKeys is more than NATS knows of one user at a time.
const maxKeys = 3

func openNKey(path string) (*nkeyFile, error) {
	key, err := readNKey(path)
	return &nkeyFile{path: path, keys: []nkey{key}, current: key}, err
}

func readNKey(path string) (nkey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nkey{}, err
	}
	pair, err := nkeys.ParseDecoratedNKey(bytes.TrimSpace(content))
	if err != nil {
		return nkey{}, fmt.Errorf("it holds no seed of an NKey: %w", err)
	}
	public, err := pair.PublicKey()
	return nkey{pair, public}, err
}

// options are those of one connection.
func (k *nkeyFile) options() []nats.Option {
	return []nats.Option{
		nats.Nkey(k.current.public, k.sign),
		nats.ConnectHandler(k.conn.Store),
		nats.ReconnectToServer(k.beforeReconnect),
		func(o *nats.Options) error {
			others := o.ReconnectedCB
			o.ReconnectedCB = func(c *nats.Conn) {
				k.accepted()
				if others != nil {
					others(c)
				}
			}
			return nil
		},
	}
}

func (k *nkeyFile) sign(nonce []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.current.pair.Sign(nonce)
}

// accepted starts a new turn of the keys with the next attempt.
func (k *nkeyFile) accepted() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.attempts = 0
}

// beforeReconnect chooses the key of the next attempt: that of the file, and then, in turns, the earlier ones, since NATS may
// not know a new key yet. The client library calls it with the connection locked, as a change of its options needs. It leaves
// the choice of the server to the library.
func (k *nkeyFile) beforeReconnect([]nats.Server, nats.ServerInfo) (*nats.Server, time.Duration) {
	conn := k.conn.Load()
	if conn == nil {
		return nil, 0
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, err := readNKey(k.path); err == nil && key.public != k.keys[0].public {
		k.keys = append([]nkey{key}, k.keys[:min(len(k.keys), maxKeys-1)]...)
		k.attempts = 0
	}
	k.current = k.keys[k.attempts%len(k.keys)]
	k.attempts++
	conn.Opts.Nkey = k.current.public
	return nil, 0
}

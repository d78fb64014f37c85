package backup

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"

	"filippo.io/age"

	"github.com/orchestrix-go/orchestrix/shared/cloudevents"
	"github.com/orchestrix-go/orchestrix/shared/core"
)

// line is one commit in a segment.
type line struct {
	Sequence    uint64          `json:"sequence"`
	Tenant      string          `json:"tenant"`
	Category    string          `json:"category"`
	ID          string          `json:"id"`
	Hash        string          `json:"command_hash,omitempty"`
	Sender      string          `json:"sender,omitempty"` // the parts of core.Origin
	Principal   string          `json:"principal,omitempty"`
	Actor       string          `json:"actor,omitempty"`
	Via         string          `json:"via,omitempty"`
	KeyID       string          `json:"key_id,omitempty"`
	TraceParent string          `json:"traceparent,omitempty"`
	TraceState  string          `json:"tracestate,omitempty"`
	Events      json.RawMessage `json:"events,omitempty"` // a CloudEvents batch
	Unreadable  string          `json:"unreadable,omitempty"`
}

func newLine(c *core.Commit) (line, error) {
	l := line{
		Sequence: c.Position.Sequence, Tenant: c.Stream.Tenant, Category: c.Stream.Category, ID: c.Stream.ID,
		Hash: c.Command.Hash, Sender: c.Origin.Sender, Principal: c.Origin.Principal, Actor: c.Origin.Actor, Via: c.Origin.Via, KeyID: c.Origin.KeyID,
		TraceParent: c.Trace.Parent, TraceState: c.Trace.State,
	}
	if c.Err != nil {
		l.Unreadable = c.Err.Error()
		return l, nil
	}
	var err error
	l.Events, err = cloudevents.Encode(c)
	return l, err
}

func (l line) commit(partition int) (core.Commit, error) {
	c := core.Commit{
		Stream:   core.Stream{Tenant: l.Tenant, Category: l.Category, ID: l.ID},
		Position: core.Position{Partition: partition, Sequence: l.Sequence},
		Command:  core.CommandRef{Hash: l.Hash},
		Origin:   core.Origin{Sender: l.Sender, Principal: l.Principal, Actor: l.Actor, Via: l.Via, KeyID: l.KeyID},
		Trace:    core.Trace{Parent: l.TraceParent, State: l.TraceState},
	}
	if l.Unreadable != "" {
		c.Err = fmt.Errorf("%w: %s", core.ErrCorrupt, l.Unreadable)
		return c, nil
	}
	return c, cloudevents.Decode(l.Events, &c)
}

// normalized returns the commit as read from a backup, where its events have no spaces between the JSON tokens.
func normalized(c core.Commit) (core.Commit, error) {
	l, err := newLine(&c)
	if err != nil {
		return c, err
	}
	var text bytes.Buffer
	if err := newEncoder(&text).Encode(l); err != nil {
		return c, err
	}
	var decoded line
	if err := json.Unmarshal(text.Bytes(), &decoded); err != nil {
		return c, err
	}
	return decoded.commit(c.Position.Partition)
}

// newEncoder returns an encoder that does not escape HTML, so that payloads keep their text.
func newEncoder(to io.Writer) *json.Encoder {
	lines := json.NewEncoder(to)
	lines.SetEscapeHTML(false)
	return lines
}

// writeSegment writes commits of a partition as one file.
func writeSegment(dir string, partition int, commits []core.Commit, recipients []age.Recipient) (Segment, error) {
	first, end := commits[0].Position.Sequence, commits[len(commits)-1]
	s := Segment{
		File: fmt.Sprintf("partition-%03d-%012d.jsonl.gz", partition, first), First: first, Last: end.Position.Sequence, Commits: len(commits),
		Encrypted: len(recipients) > 0,
	}
	if s.Encrypted {
		s.File += ".age"
	}
	if end.Err == nil {
		stored, err := normalized(end)
		if err != nil {
			return s, err
		}
		s.LastDigest = stored.Digest()
	}
	hash := sha256.New()
	err := replaceFile(filepath.Join(dir, s.File), func(f *os.File) error {
		buffered := bufio.NewWriter(io.MultiWriter(f, hash))
		secret, err := encrypted(buffered, recipients)
		if err != nil {
			return err
		}
		if err := writeLines(secret, commits); err != nil {
			return err
		}
		return errors.Join(secret.Close(), buffered.Flush())
	})
	s.SHA256 = hex.EncodeToString(hash.Sum(nil))
	return s, err
}

// writeLines writes the content of a segment before encryption.
func writeLines(to io.Writer, commits []core.Commit) error {
	compressed := gzip.NewWriter(to)
	lines := newEncoder(compressed)
	for i := range commits {
		l, err := newLine(&commits[i])
		if err == nil {
			err = lines.Encode(l)
		}
		if err != nil {
			return err
		}
	}
	return compressed.Close()
}

// checkFile compares the checksum of the segment's file with that of the manifest, and checks that an encrypted file can be
// decrypted.
func (s Segment) checkFile(dir string, identities []age.Identity) error {
	f, err := os.Open(filepath.Join(dir, s.File))
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != s.SHA256 {
		return fmt.Errorf("%s is damaged: its SHA-256 is %s, the manifest says %s", s.File, got, s.SHA256)
	}
	if _, err = f.Seek(0, io.SeekStart); err == nil {
		_, err = s.decrypted(f, identities)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.File, err)
	}
	return nil
}

// lastDigest is the digest of the segment's newest commit; nil if that is no valid commit.
func (s Segment) lastDigest(dir string, partition int) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(dir, s.File)); err != nil || s.LastDigest != nil {
		return s.LastDigest, err
	}
	var last core.Commit
	for c, err := range s.commits(dir, partition, nil) { // of format 1, which is never encrypted
		if err != nil {
			return nil, err
		}
		last = c
	}
	if last.Err != nil {
		return nil, nil
	}
	return last.Digest(), nil
}

// commits yields the commits of the segment, in order.
func (s Segment) commits(dir string, partition int, identities []age.Identity) iter.Seq2[core.Commit, error] {
	return func(yield func(core.Commit, error) bool) {
		f, err := os.Open(filepath.Join(dir, s.File))
		if err != nil {
			yield(core.Commit{}, err)
			return
		}
		defer f.Close() //nolint:errcheck // only read from
		content, err := s.decrypted(f, identities)
		var compressed *gzip.Reader
		if err == nil {
			compressed, err = gzip.NewReader(content)
		}
		if err != nil {
			yield(core.Commit{}, fmt.Errorf("%s: %w", s.File, err))
			return
		}
		lines := json.NewDecoder(compressed)
		for n := range s.Commits {
			var l line
			err := lines.Decode(&l)
			var c core.Commit
			if err == nil {
				c, err = l.commit(partition)
			}
			if err != nil {
				yield(core.Commit{}, fmt.Errorf("%s, line %d: %w", s.File, n+1, err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
	}
}

package core

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
)

// HashCommand returns a fingerprint of a command's name and body that ignores white space between tokens: 128 bits of
// SHA-256 in hexadecimal. Two requests with the same command id and different hashes are different commands.
func HashCommand(name string, body []byte) string {
	if whole, err := Compact(bytes.Trim(body, " \t\r\n")); err == nil { // a file ends with a line break
		body = whole
	}
	const usual = 1 << 10 // bytes; up to here the text stays on the stack
	text := append(append(make([]byte, 0, usual), name...), 0)
	sum := sha256.Sum256(append(text, body...))
	return hex.EncodeToString(sum[:16])
}

// CommandRef identifies the command of a commit, so that a repeated command is recognized.
type CommandRef struct {
	ID   string
	Hash string // of the command's name and body: see [HashCommand]
}

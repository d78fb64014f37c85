package tool

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/orchestrix-go/orchestrix/shared/es/compile"
	"github.com/orchestrix-go/orchestrix/shared/platform"
)

// settingsFile holds what keys renew has to know of the run that made the keys.
const settingsFile = "settings.json"

const (
	unknownPartitions = math.MinInt
	defaultPartitions = 4
)

type keySettings struct {
	Partitions  int      `json:"partitions"`
	Senders     []string `json:"senders,omitempty"` // NAME or NAME=category.command,…
	Credentials bool     `json:"credentials,omitempty"`
	Revoked     []string `json:"revoked,omitempty"` // public keys of credentials that were rotated or removed
}

// settings returns those of the flags, completed with those of the directory where its keys are kept, and the deployment that they
// describe, checked.
func (o *keysOptions) settings(k *keyDir) (s keySettings, d platform.Deployment, err error) {
	if k.keep {
		if s, err = k.readSettings(); err != nil {
			return s, d, err
		}
	}
	switch {
	case o.partitions != unknownPartitions:
		s.Partitions = o.partitions
	case s.Partitions == 0:
		s.Partitions = defaultPartitions
	}
	if s.Partitions < 1 || s.Partitions > 256 {
		return s, d, fmt.Errorf("--partitions is %d, it may be 1 to 256", s.Partitions)
	}
	s.Credentials = s.Credentials || o.credentials
	for _, name := range o.removed {
		s.Senders = slices.DeleteFunc(s.Senders, func(known string) bool { return platform.ParseSender(known).Name == name })
	}
	for _, text := range o.senders {
		added := platform.ParseSender(text)
		s.Senders = slices.DeleteFunc(s.Senders, func(known string) bool { return platform.ParseSender(known).Name == added.Name })
		s.Senders = append(s.Senders, text)
	}
	d, err = k.deployment(o, s)
	return s, d, err
}

// deployment is what the settings and the domain describe.
func (k *keyDir) deployment(o *keysOptions, s keySettings) (platform.Deployment, error) {
	registry, err := compile.Modules(o.modules...)
	if err != nil {
		return platform.Deployment{}, err
	}
	d := platform.Deployment{Registry: registry, Partitions: s.Partitions}
	for _, text := range s.Senders {
		d.Senders = append(d.Senders, platform.ParseSender(text))
	}
	_, err = os.Stat(filepath.Join(k.path, platform.RestoreUser))
	d.Restoring = err == nil && k.keep
	return d, d.Check()
}

// readSettings returns empty settings where there is no file.
func (k *keyDir) readSettings() (s keySettings, err error) {
	content, err := k.read(settingsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &s)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", filepath.Join(k.path, settingsFile), err)
	}
	return s, nil
}

func (k *keyDir) writeSettings(s keySettings) error {
	slices.Sort(s.Revoked)
	s.Revoked = slices.Compact(s.Revoked)
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return k.write(settingsFile, append(content, '\n'), public)
}

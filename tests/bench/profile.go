package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// profileRuns takes one more run of each variant, which does not count, and meanwhile the profiles of this process, of
// the services and of NATS.
func (b *bench) profileRuns(ctx context.Context, g group, variants []variant) error {
	if err := os.MkdirAll(b.settings.profile, 0o750); err != nil {
		return err
	}
	for _, v := range variants {
		work, ctx := errgroup.WithContext(ctx)
		fileOf := func(process string) string {
			return filepath.Join(b.settings.profile, strings.ReplaceAll(g.name+"-"+v.name+"-"+process, " ", "_")+".pprof")
		}
		for name, p := range v.procs {
			if p.pprof == "" {
				continue
			}
			file := fileOf(name)
			seconds := int(math.Ceil(b.settings.seconds))
			work.Go(func() error {
				return fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%d", p.pprof, seconds), file)
			})
		}
		work.Go(func() error {
			own, err := os.Create(fileOf(loader))
			if err != nil {
				return err
			}
			if err := pprof.StartCPUProfile(own); err != nil {
				return errors.Join(err, own.Close())
			}
			_, err = v.run(ctx, time.Duration(math.Ceil(b.settings.seconds))*time.Second)
			pprof.StopCPUProfile()
			return errors.Join(err, own.Close())
		})
		if err := work.Wait(); err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
	}
	return nil
}

// fetch saves what a URL answers.
func fetch(ctx context.Context, url, file string) error {
	body, err := get(ctx, url)
	if err != nil {
		return err
	}
	return os.WriteFile(file, body, 0o600)
}

// profileToken opens the admin ports of the services, which have the profiles.
const profileToken = "a-token-for-the-benchmark"

func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+profileToken)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %d: %.200s", url, response.StatusCode, body)
	}
	return body, err
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = ([0-9]+)$`)

// heap is how many bytes a service holds, in MiB, after its garbage was collected.
func (p *process) heap(ctx context.Context) (float64, error) {
	profile, err := get(ctx, p.pprof+"/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		return 0, err
	}
	found := heapAlloc.FindSubmatch(profile)
	if found == nil {
		return 0, fmt.Errorf("the profile of %s does not say how large the heap is", p.name)
	}
	bytes, err := strconv.ParseFloat(string(found[1]), 64)
	return bytes / (1 << 20), err
}

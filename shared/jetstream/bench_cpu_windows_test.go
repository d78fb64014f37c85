package jetstream_test

import "time"

// cpu is not measured on Windows.
func cpu() time.Duration { return 0 }

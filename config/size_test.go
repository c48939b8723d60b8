package config

import "testing"

func TestSizesAreWholeMegabytesOrGigabytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"512MB": 512_000_000, "1GB": 1_000_000_000, "64GB": 64_000_000_000} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("%s = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0MB", "1.5GB", "-1GB", "1gb", "1 GB", "100", "9999999GB"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

package host

import (
	"strings"
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

func TestWhatAPluginLogsArrivesWithItsName(t *testing.T) {
	t.Parallel()
	h, logs := newHost(t, Options{})
	p := start(t, h, "good")
	if err := p.Fetch(t.Context(), do("log"), &basket{}); err != nil {
		t.Fatal(err)
	}
	for msg, level := range map[string]string{
		"rate looks odd":      "WARN",
		"through package log": "INFO",
		"printed by mistake":  "WARN",
		"printed to stderr":   "WARN",
	} {
		r := logs.await(t, msg)
		if r == nil {
			t.Errorf("%q did not arrive", msg)
			continue
		}
		if r["level"] != level || r["plugin"] != "good" {
			t.Errorf("%q arrived as %v", msg, r)
		}
	}
	if r := logs.find(t, "rate looks odd"); r["token"] != "tst" || r["anchor"] != 7.0 {
		t.Errorf("attributes were lost: %v", r)
	}
}

// A line whose @message is no string makes go-plugin's parser panic in the host.
func TestHostileLogLinesDoNoHarm(t *testing.T) {
	t.Parallel()
	h, logs := newHost(t, Options{})
	p := start(t, h, "good")
	if err := p.Fetch(t.Context(), do("hostile log"), &basket{}); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if r := logs.find(t, `{"@message": 1}`); r == nil || r["plugin"] != "good" {
		t.Errorf("the hostile line arrived as %v", r)
	}
	r := logs.find(t, "hello \uFFFD[31m")
	if r == nil {
		t.Fatal("a line with an escape sequence did not arrive cleaned")
	}
	if r["plugin"] != "good" || r["said_plugin"] != "lido" {
		t.Errorf("the plugin could speak as another: %v", r)
	}
}

func TestFloodOfLogsIsThinnedOut(t *testing.T) {
	t.Parallel()
	h, logs := newHost(t, Options{})
	p := start(t, h, "good")
	var got basket
	if err := p.Fetch(t.Context(), do("flood"), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.observed) != 1 {
		t.Error("its rows were lost")
	}
	p.Stop()
	if n := len(logs.records(t)); n > 20_000 {
		t.Errorf("%d of 50000 lines reached the log", n)
	}
	r := logs.find(t, "plugin floods its log; lines were dropped")
	if r == nil || r["plugin"] != "good" || r["dropped"].(float64) < 1 {
		t.Errorf("the flood was reported as %v", r)
	}
}

func TestLongLineIsCut(t *testing.T) {
	t.Parallel()
	h, logs := newHost(t, Options{MaxStderrLine: 1000})
	p := start(t, h, "good")
	if err := p.Fetch(t.Context(), do("long line"), &basket{}); err != nil {
		t.Fatal(err)
	}
	p.Stop()
	if logs.find(t, strings.Repeat("y", 1000)+" … (line cut)") == nil {
		t.Error("a line of 300 KiB did not arrive cut to 1000 bytes")
	}
}

func TestLastWordsAreReadable(t *testing.T) {
	t.Parallel()
	h, _ := newHost(t, Options{})
	p := start(t, h, "good")
	if err := p.Fetch(t.Context(), do("log and exit"), &basket{}); err == nil || !strings.HasSuffix(err.Error(), "it last said: ERROR cannot go on anchor=7") {
		t.Errorf("error is %v", err)
	}
}

func TestErrorCarriesTheLastFiftyLines(t *testing.T) {
	t.Parallel()
	var lines tail
	for i := range 70 {
		lines.add(strings.Repeat("i", i))
	}
	lines.add(strings.Repeat("x", 1<<20))
	if got := lines.get(); len(got[49]) > 2*tailBytes {
		t.Errorf("a line of %d bytes is kept", len(got[49]))
	}
	if got := lines.get(); len(got) != 50 || got[0] != strings.Repeat("i", 21) {
		t.Errorf("%d lines, the first %q", len(got), got[0])
	}
	e := &Error{Plugin: "lido", Op: "fetch", Reason: "exit status 2", Err: sdk.Errorf(sdk.KindInternal, "it ended"),
		Stderr: []string{"hm", "panic: boom", "goroutine 1 [running]:", "main.main()"}}
	if want := "plugin lido: fetch: it ended (exit status 2); it last said: panic: boom"; e.Error() != want {
		t.Errorf("it reads %q, want %q", e, want)
	}
}

// FuzzParseLine: no line of a plugin can make the host panic.
func FuzzParseLine(f *testing.F) {
	for _, line := range []string{`{"@message": 1}`, `{"msg":"a","level":"INFO","x":{"y":[1]}}`, `{`, `{}{}`, "plain\x1b[2J"} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		_, msg, _, ok := parseLine(line, 0)
		if !ok && msg != "" {
			t.Errorf("a line that is not parsed has the message %q", msg)
		}
		if strings.ContainsAny(msg, "\n\x1b") {
			t.Errorf("message %q can move a cursor", msg)
		}
	})
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The files of deploy/ call verbs with flags that there are.
func TestTheCommandLinesOfDeployAreRight(t *testing.T) {
	t.Parallel()
	for file, line := range map[string]*regexp.Regexp{
		"Containerfile":        regexp.MustCompile(`(?m)^CMD (\[.*\])$`),
		"lst-pipeline.service": regexp.MustCompile(`(?m)^ExecStart=\S+/pipeline (.*)$`),
		"crontab":              regexp.MustCompile(`(?m)^\*/5 .*/pipeline (.*?);`),
	} {
		text, err := os.ReadFile(filepath.Join("..", "..", "deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		found := line.FindAllStringSubmatch(string(text), -1)
		if len(found) != 1 {
			t.Errorf("%s: %d command lines", file, len(found))
			continue
		}
		args := strings.Fields(found[0][1])
		if args[0][0] == '[' {
			if err := json.Unmarshal([]byte(found[0][1]), &args); err != nil {
				t.Fatal(err)
			}
		}
		cmd, rest, err := newRoot(&app{}).Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil || cmd.RunE == nil {
			t.Errorf("%s: pipeline %q: %v", file, args, err)
		}
	}
}

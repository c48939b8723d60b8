package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stars is what a Secret prints as.
const stars = "***"

// maxSecret is far more than any key or URL; a larger file is a mistake.
const maxSecret = 64 << 10

// Secret is text that must not be seen: the URL of an endpoint, an API key, the
// address of a webhook. However it is printed, logged or encoded it shows ***.
// Only Reveal gives the text.
type Secret struct {
	text      string
	env, file string // where the text comes from; empty: the configuration itself
}

// NewSecret returns a Secret of the text, for programs that do not load it.
func NewSecret(text string) Secret { return Secret{text: text} }

// Reveal returns the text. It is for the code that opens the connection; nothing
// it returns may be logged, stored or put into an error.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == "" }

// Origin says where the text came from, without the text.
func (s Secret) Origin() string {
	switch {
	case s.env != "":
		return "environment variable " + s.env
	case s.file != "":
		return "file " + s.file
	default:
		return "the configuration"
	}
}

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, stars) }

// String implements fmt.Stringer.
func (Secret) String() string { return stars }

// GoString implements fmt.GoStringer.
func (Secret) GoString() string { return stars }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(stars) }

// MarshalJSON implements json.Marshaler.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + stars + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (Secret) MarshalText() ([]byte, error) { return []byte(stars), nil }

// MarshalYAML implements the marshaler of go-yaml.
func (Secret) MarshalYAML() ([]byte, error) { return []byte(`"` + stars + `"`), nil }

// UnmarshalJSON reads text, {"env": NAME} or {"file": path}. It does not look
// the value up.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var ref struct{ Env, File string }
	if err := json.Unmarshal(data, &ref); err == nil {
		*s = Secret{env: ref.Env, file: ref.File}
		return nil
	}
	*s = Secret{}
	return json.Unmarshal(data, &s.text)
}

// resolve looks the text up. Paths start from root. Its errors never hold any of
// the text.
func (s Secret) resolve(root string) (Secret, error) {
	switch {
	case s.env != "":
		s.text = strings.TrimSpace(os.Getenv(s.env))
		if s.text == "" {
			return s, fmt.Errorf("environment variable %s is not set", s.env)
		}
	case s.file != "":
		text, err := readSecret(absolute(root, s.file))
		if err != nil {
			return s, err
		}
		s.text = text
	}
	return s, nil
}

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("secret file %s does not exist", path)
	case err != nil:
		return "", fmt.Errorf("secret file cannot be read: %w", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("secret file %s is not a regular file", path)
	case info.Size() > maxSecret:
		return "", fmt.Errorf("secret file %s is larger than %d bytes", path, maxSecret)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("secret file cannot be read: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" {
		return "", fmt.Errorf("secret file %s is empty", path)
	}
	return text, nil
}

// absolute returns path as it is meant in a configuration whose paths start from
// root.
func absolute(root, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(root, path)
}

// Duration is a time.Duration that is written as text such as "90s" or "1h30m".
type Duration struct{ time.Duration }

// UnmarshalJSON reads the text form.
func (d *Duration) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := time.ParseDuration(text)
	d.Duration = parsed
	return err
}

// MarshalJSON writes the text form.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

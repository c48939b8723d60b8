package notify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/lst-pipeline/lst-pipeline/internal/store"
)

// sendTimeout bounds one delivery.
const sendTimeout = 20 * time.Second

// Message is what a receiver gets, as JSON.
type Message struct {
	// ID is the same for the same message, however often it is sent.
	ID       string     `json:"id"`
	Source   string     `json:"source"` // lst-pipeline
	Event    string     `json:"event"`
	Subject  string     `json:"subject"`
	Status   string     `json:"status"` // begun | resolved
	Since    time.Time  `json:"since"`
	Resolved *time.Time `json:"resolved,omitempty"`
	Detail   string     `json:"detail"` // as it was when it began
	// Text is the message in a line; chat webhooks show this field.
	Text string `json:"text"`
}

func message(a store.Alert, end bool) Message {
	m := Message{Source: "lst-pipeline", Event: a.Event, Subject: a.Subject, Status: "begun", Since: a.Since.UTC(), Detail: a.Detail}
	m.Text = fmt.Sprintf("%s: %s: %s", m.Event, m.Subject, m.Detail)
	if end {
		resolved := a.Resolved.UTC()
		m.Status, m.Resolved = "resolved", &resolved
		m.Text = fmt.Sprintf("resolved after %s: %s: %s (%s)", resolved.Sub(m.Since).Round(time.Second), m.Event, m.Subject, m.Detail)
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{a.Receiver, a.Event, a.Subject, a.Since.UTC().Format(time.RFC3339Nano), m.Status}, "\n")))
	m.ID = hex.EncodeToString(sum[:16])
	return m
}

func (r Receiver) send(ctx context.Context, m Message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if r.Webhook != "" {
		return r.post(ctx, body, m.ID)
	}
	return r.execute(ctx, body)
}

// client follows no redirect: it would carry the message to somebody else.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (r Receiver) post(ctx context.Context, body []byte, id string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Webhook, bytes.NewReader(body))
	if err != nil {
		return errors.New("its webhook is not an address") // err shows it
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "lst-pipeline")
	req.Header.Set("Idempotency-Key", id)
	resp, err := client.Do(req)
	if err != nil {
		return r.hide(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // lets the connection be used again
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("its webhook answered %d", resp.StatusCode)
	}
	return nil
}

// hide tells what went wrong without the address, which often is a key.
func (r Receiver) hide(err error) error {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("its webhook did not answer within %s", sendTimeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("its webhook refused the connection")
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return errors.New("the name of its webhook was not found")
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	text := err.Error()
	if u, bad := url.Parse(r.Webhook); bad == nil {
		for _, secret := range []string{r.Webhook, u.RequestURI(), u.Host, u.Hostname()} {
			if len(secret) > 1 {
				text = strings.ReplaceAll(text, secret, "<webhook>")
			}
		}
	}
	return fmt.Errorf("its webhook could not be reached: %s", text)
}

// execute runs the command with the message on its standard input. It sees only
// what a program needs of our environment, which holds the keys of endpoints. Its
// output is thrown away; the exit status says whether it took the message.
func (r Receiver) execute(ctx context.Context, body []byte) error {
	if len(r.Command) == 0 {
		return errors.New("it has neither a webhook nor a command")
	}
	cmd := exec.CommandContext(ctx, r.Command[0], r.Command[1:]...)
	cmd.Stdin = bytes.NewReader(body)
	for _, name := range []string{"PATH", "HOME", "USER", "LANG", "TZ", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("its command did not end within %s", sendTimeout)
	case errors.As(err, &exit):
		return fmt.Errorf("its command ended with %s", exit.ProcessState)
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("its command was not found")
	}
	return errors.New("its command could not be run: check that it exists and is executable")
}

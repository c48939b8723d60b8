package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// redactor removes what identifies or opens an endpoint from what leaves the
// gateway. Endpoints echo such things in their error messages. Both lists have
// the longest first.
type redactor struct {
	secrets []string // for messages
	safe    []string // for bodies: those that cannot occur in data by chance
}

const redacted = "[redacted]"

// plainWord matches path segments such as "mainnet-beta" that are no keys.
var plainWord = regexp.MustCompile(`^[a-z-]+$`)

func newRedactor(chains []Chain) *redactor {
	r := &redactor{}
	for _, c := range chains {
		for _, e := range c.Endpoints {
			r.endpoint(e)
		}
	}
	slices.SortFunc(r.secrets, func(a, b string) int {
		if d := len(b) - len(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	r.secrets = slices.Compact(r.secrets)
	for _, s := range r.secrets {
		if inData := encoded.MatchString(s); !inData || len(s) >= 8 && !hexOnly.MatchString(s) || len(s) >= 12 {
			r.safe = append(r.safe, s)
		}
	}
	return r
}

// A short secret made of the characters of hex or base64 would sooner or later
// be found inside a call's result, and cutting it out would spoil the data.
var (
	encoded = regexp.MustCompile(`^[0-9A-Za-z+/=]+$`)
	hexOnly = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
)

func (r *redactor) add(least int, parts ...string) {
	for _, p := range parts {
		if len(p) >= least {
			r.secrets = append(r.secrets, p)
		}
	}
}

func (r *redactor) endpoint(e Endpoint) {
	r.add(1, e.URL)
	for _, v := range e.Headers {
		r.add(8, v)
		for _, word := range strings.Fields(v) {
			r.add(8, word)
		}
	}
	u, err := url.Parse(e.URL)
	if err != nil {
		return
	}
	r.add(4, u.Host)
	if !plainWord.MatchString(u.Hostname()) { // "localhost", "geth"
		r.add(4, u.Hostname())
	}
	if u.RequestURI() != "/" {
		r.add(8, u.RequestURI(), u.Path)
	}
	for _, seg := range append(strings.Split(u.Path, "/"), strings.Split(u.EscapedPath(), "/")...) {
		if !plainWord.MatchString(seg) {
			r.add(8, seg)
		}
	}
	r.add(8, u.RawQuery)
	for _, values := range u.Query() {
		for _, v := range values {
			if !plainWord.MatchString(v) {
				r.add(8, v, url.QueryEscape(v))
			}
		}
	}
	if u.User != nil {
		name := u.User.Username()
		pass, _ := u.User.Password()
		r.add(4, name, pass, u.User.String())
		r.add(8, base64.StdEncoding.EncodeToString([]byte(name+":"+pass)))
	}
}

// body returns a body without secrets, and the very same when it holds none.
func (r *redactor) body(b []byte) []byte {
	for _, s := range r.safe {
		if bytes.Contains(b, []byte(s)) {
			b = bytes.ReplaceAll(b, []byte(s), []byte(redacted))
		}
	}
	return b
}

// text returns a message without secrets.
func (r *redactor) text(msg string) string {
	for _, s := range r.secrets {
		msg = strings.ReplaceAll(msg, s, redacted)
	}
	return msg
}

// describeTransport names a transport error in fixed words: the texts of net
// and url errors hold hosts and addresses and must not be passed on.
func describeTransport(err error) (class, text string) {
	var dns *net.DNSError
	var unknownCA x509.UnknownAuthorityError
	var badHost x509.HostnameError
	var badCert x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return classTimeout, "no answer in time"
	case errors.As(err, &dns):
		return classTransport, "host name does not resolve"
	case errors.Is(err, syscall.ECONNREFUSED):
		return classTransport, "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return classTransport, "connection reset"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return classBody, "answer is cut short"
	case errors.Is(err, io.EOF):
		return classTransport, "connection closed without an answer"
	case errors.As(err, &unknownCA), errors.As(err, &badHost), errors.As(err, &badCert),
		errors.As(err, &record), errors.As(err, &alert):
		return classTransport, "TLS handshake failed"
	}
	return classTransport, "connection failed"
}

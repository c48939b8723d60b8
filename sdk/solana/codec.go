package solana

import (
	"bytes"
	"encoding/binary"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// Codec walks over the little-endian bytes of an account, either reading fields
// into variables or writing them from variables. A layout is written down once,
// as a function that calls the codec field by field, and serves both ways.
//
// The first failure sticks: later calls do nothing, and Err names the field and
// its offset. A codec never panics, whatever the bytes are.
type Codec struct {
	what    string
	data    []byte
	off     int
	writing bool
	err     error
}

// Decoding reads data. what names the account in errors, such as "stake pool".
func Decoding(what string, data []byte) *Codec { return &Codec{what: what, data: data} }

// Encoding writes into size zero bytes.
func Encoding(what string, size int) *Codec {
	return &Codec{what: what, data: make([]byte, max(size, 0)), writing: true}
}

// Writing reports whether the codec writes.
func (c *Codec) Writing() bool { return c.writing }

// Offset is the position of the next field.
func (c *Codec) Offset() int { return c.off }

// Err is the first failure, of kind layout, or nil.
func (c *Codec) Err() error { return c.err }

// Bytes is the whole account as written so far.
func (c *Codec) Bytes() []byte { return c.data }

// Fail records a failure found by the caller at the present offset, such as a
// value that is impossible.
func (c *Codec) Fail(field, format string, args ...any) {
	if c.err == nil {
		args = append([]any{c.what, field, c.off}, args...)
		c.err = sdk.Errorf(sdk.KindLayout, "%s: field %s at offset %d: "+format, args...)
	}
}

// Skip passes over n bytes.
func (c *Codec) Skip(field string, n int) { c.take(field, n) }

// Const is bytes that have one permitted value, such as a discriminator.
func (c *Codec) Const(field string, want ...byte) {
	at := c.off
	b := c.take(field, len(want))
	if b == nil {
		return
	}
	if c.writing {
		copy(b, want)
		return
	}
	if !bytes.Equal(b, want) {
		c.off = at
		c.Fail(field, "is %x, want %x", b, want)
	}
}

// U8 is one byte.
func (c *Codec) U8(field string, v *uint8) {
	if b := c.take(field, 1); b != nil {
		if c.writing {
			b[0] = *v
		} else {
			*v = b[0]
		}
	}
}

// Bool is one byte that must be 0 or 1.
func (c *Codec) Bool(field string, v *bool) {
	var n uint8
	if *v && c.writing {
		n = 1
	}
	at := c.off
	c.U8(field, &n)
	if c.err == nil && n > 1 {
		c.off = at
		c.Fail(field, "is %d, want 0 or 1", n)
		return
	}
	*v = n == 1
}

// U32 is an unsigned 32-bit integer.
func (c *Codec) U32(field string, v *uint32) {
	if b := c.take(field, 4); b != nil {
		if c.writing {
			binary.LittleEndian.PutUint32(b, *v)
		} else {
			*v = binary.LittleEndian.Uint32(b)
		}
	}
}

// U64 is an unsigned 64-bit integer.
func (c *Codec) U64(field string, v *uint64) {
	if b := c.take(field, 8); b != nil {
		if c.writing {
			binary.LittleEndian.PutUint64(b, *v)
		} else {
			*v = binary.LittleEndian.Uint64(b)
		}
	}
}

// I64 is a signed 64-bit integer.
func (c *Codec) I64(field string, v *int64) {
	u := uint64(*v)
	c.U64(field, &u)
	*v = int64(u)
}

// Key is an address.
func (c *Codec) Key(field string, v *PublicKey) { c.Raw(field, v[:]) }

// OptionKey is an optional address in borsh: one byte 0 or 1, then the address if
// the byte is 1. nil means absent.
func (c *Codec) OptionKey(field string, v **PublicKey) {
	set := *v != nil
	c.Bool(field, &set)
	if c.err != nil {
		return
	}
	if !set {
		*v = nil
		return
	}
	if !c.writing {
		*v = new(PublicKey)
	}
	c.Key(field, *v)
}

// Raw is len(v) bytes.
func (c *Codec) Raw(field string, v []byte) {
	if b := c.take(field, len(v)); b != nil {
		if c.writing {
			copy(b, v)
		} else {
			copy(v, b)
		}
	}
}

func (c *Codec) take(field string, n int) []byte {
	if c.err != nil {
		return nil
	}
	if n < 0 || n > len(c.data)-c.off {
		c.Fail(field, "needs %d bytes, the account has %d", n, len(c.data))
		return nil
	}
	b := c.data[c.off : c.off+n : c.off+n]
	c.off += n
	return b
}

package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// header is what the search needs of a block.
type header struct {
	number uint64
	time   int64 // unix seconds
	hash   string
	alias  string
	raw    json.RawMessage // the whole result; kept only while recording
}

func blockParams(number uint64) json.RawMessage {
	return json.RawMessage(`["0x` + strconv.FormatUint(number, 16) + `",false]`)
}

// parseHeader reads a block of an endpoint, which always has a hash.
func parseHeader(result json.RawMessage) (header, error) {
	h, err := parseRecorded(result)
	if err == nil && h.hash == "" {
		return header{}, sdk.Errorf(sdk.KindLayout, "the block has no usable number, timestamp or hash")
	}
	return h, err
}

// parseRecorded reads a block of a recording. One that was made from published
// numbers may lack the hash; such a block is then named by its number alone.
func parseRecorded(result json.RawMessage) (header, error) {
	var b struct{ Number, Timestamp, Hash string }
	if err := json.Unmarshal(result, &b); err != nil {
		return header{}, sdk.Errorf(sdk.KindLayout, "the block is not an object with number, timestamp and hash")
	}
	number, errN := strconv.ParseUint(strings.TrimPrefix(b.Number, "0x"), 16, 64)
	at, errT := strconv.ParseInt(strings.TrimPrefix(b.Timestamp, "0x"), 16, 64)
	if errN != nil || errT != nil || b.Hash != "" && !quantity.MatchString(b.Hash) {
		return header{}, sdk.Errorf(sdk.KindLayout, "the block has no usable number, timestamp or hash")
	}
	return header{number: number, time: at, hash: strings.ToLower(b.Hash)}, nil
}

// headers is what is known of the blocks of a chain, of its final ones or of one search.
type headers struct {
	keepRaw bool

	mu   sync.Mutex
	list []header // ascending by number, times ascending too
}

// headersCeiling bounds the cache at about 10 MB.
const headersCeiling = 1 << 16

// trim makes room before a search; the newest block stays.
func (h *headers) trim() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) > headersCeiling {
		h.list = slices.Clone(h.list[len(h.list)-1:])
	}
}

// add stores a block, unless its time contradicts its neighbours.
func (h *headers) add(b header) error {
	if !h.keepRaw {
		b.raw = nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	i, found := slices.BinarySearchFunc(h.list, b.number, func(x header, n uint64) int { return cmp.Compare(x.number, n) })
	switch {
	case found && h.list[i].hash != b.hash:
		return fmt.Errorf("block %d has hash %s at %q and %s at %q", b.number, h.list[i].hash, h.list[i].alias, b.hash, b.alias)
	case found:
		return nil
	case i > 0 && h.list[i-1].time > b.time, i < len(h.list) && h.list[i].time < b.time:
		return fmt.Errorf("block %d has a time out of order at %q", b.number, b.alias)
	}
	h.list = slices.Insert(h.list, i, b)
	return nil
}

// newest returns the highest known finalised block.
func (h *headers) newest() (header, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == 0 {
		return header{}, false
	}
	return h.list[len(h.list)-1], true
}

// bracket returns the last known block at or before t and the first after it.
func (h *headers) bracket(t int64) (lo, hi *header) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, _ := slices.BinarySearchFunc(h.list, t, func(x header, t int64) int {
		if x.time <= t {
			return -1
		}
		return 1
	})
	if i > 0 {
		b := h.list[i-1]
		lo = &b
	}
	if i < len(h.list) {
		b := h.list[i]
		hi = &b
	}
	return lo, hi
}

package main

import (
	"encoding/csv"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana/solanatest"
)

// set is accounts that belong to one moment, and who reads them.
type set struct {
	epoch uint64
	tasks []task
	files []string
}

// sets are the recorded accounts by epoch. Which epoch a dump belongs to was found
// by its rate, which equals that epoch's in an independent series to all printed
// digits; stSOL's and the stake pools' state names it. Accounts the plugins do not
// read are left out, and so is Jito's validator list of epoch 725, because nothing
// else is known of that moment.
var sets = []set{{
	epoch: 539,
	tasks: []task{
		{Plugin: "marinade", Tokens: []sdk.TokenID{"msol"}, Note: "state and mint; reserve and liquidity pool are not recorded"},
		{Plugin: "stakepool", Tokens: []sdk.TokenID{"jitosol"}, Note: "pool and mint; reserve and validator list are not recorded"},
	},
	files: []string{
		"8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC.S-a7a1db6.json",
		"mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So.S-a7a1db6.json",
		"Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb.S-a7a1db6.json",
		"J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn.S-a7a1db6.json",
	},
}, {
	epoch: 610,
	tasks: []task{{Plugin: "marinade", Tokens: []sdk.TokenID{"msol"}, Note: "state, mint, reserve and liquidity pool"}},
	files: []string{
		"8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC.glam-3516ae5.json",
		"mSoLzYCxHdYgdzU16g5QSh3i5K3z3KZK7ytfqcJm7So.glam-3516ae5.json",
		"Du3Ysj1wKbxPKkuPPnvzQLQh8oMSVifs3jGZjJWXFmHN.glam-3516ae5.json",
		"UefNb6z6yvArqe4cJHTXCqStRsKmWhGxnZzuHbikP5Q.glam-3516ae5.json",
	},
}, {
	epoch: 638,
	tasks: []task{{Plugin: "stakepool", Tokens: []sdk.TokenID{"jitosol", "bonksol"}, Note: "pools, mints and reserves; of the validator lists only bonkSOL's is recorded"}},
	files: []string{
		"Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb.glam-c8d181a.json",
		"J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn.glam-c8d181a.json",
		"BgKUXdS29YcHCFrPm5M8oLHiTzZaMDjsebggjoaQ6KFL.glam-c8d181a.json",
		"ArAQfbzsdotoKB5jJcZa3ajQrrPcWr2YQoDAEAiFxJAC.glam-c8d181a.json",
		"BonK1YhkXEGLZzwtcvRTip3gAL9nCeQD7ppZBLXhtTs.glam-c8d181a.json",
		"5htyN73FSd1dvv8LEHrmy4EiDkXtrGn5EXv5ZizqVF3X.glam-c8d181a.json",
		"Ea2ATXQgQrUXGdMPXUbdNw8SmV3S6RSzsiff8AcBLP2G.glam-c8d181a.json",
	},
}, {
	epoch: 772,
	tasks: []task{{Plugin: "marinade", Tokens: []sdk.TokenID{"msol"}, Note: "state alone"}},
	files: []string{"8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC.marsdk-65629cf.json"},
}, {
	epoch: 779,
	tasks: []task{{Plugin: "marinade", Tokens: []sdk.TokenID{"msol"}, Note: "state and reserve"}},
	files: []string{
		"8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC.routersdk-c7ed500.json",
		"Du3Ysj1wKbxPKkuPPnvzQLQh8oMSVifs3jGZjJWXFmHN.routersdk-c7ed500.json",
	},
}, {
	epoch: 796,
	tasks: []task{{Plugin: "solido", Tokens: []sdk.TokenID{"stsol"}, Note: "state and mint"}},
	files: []string{
		"49Yi1TKkNyYjPAFdR9LBvoHcUjuPX4Df5T5yv39w2XTn.inf15-ca9a991.json",
		"7dHbWXmci3dT8UFYWYZweBLXgycu7Y3iL6trKn1Y7ARj.inf15-ca9a991.json",
	},
}, {
	epoch: 802,
	tasks: []task{{Plugin: "stakepool", Tokens: []sdk.TokenID{"bsol"}, Note: "pool, mint, reserve and the head of the validator list"}},
	files: []string{
		"stk9ApL5HeVAwPLr3TLhDXdZS8ptVu7zp6ov8HFDuMi.routersdk-1b38837.json",
		"bSo13r4TkiE4KumL71LsHTPpL2euBYLFx6h9HP3piy1.routersdk-1b38837.json",
		"rsrxDvYUXjH1RQj2Ke36LNZEVqGztATxFkqNukERqFT.routersdk-1b38837.json",
		"1istpXjy8BM7Vd5vPfA485frrV7SRJhgq5vs3sskWmc.routersdk-1b38837.json",
	},
}}

func solanaMoments(files fs.FS, licences map[string]string) ([]moment, error) {
	first, err := firstSeen(files)
	if err != nil {
		return nil, err
	}
	var moments []moment
	for _, s := range sets {
		m := moment{Chain: solana.Chain, Epoch: s.epoch, Tasks: s.tasks}
		var taken time.Time
		for _, name := range s.files {
			d, err := readDump(files, name)
			if err != nil {
				return nil, err
			}
			a, err := d.account(name)
			if err != nil {
				return nil, err
			}
			m.Accounts = append(m.Accounts, a)
			licences[d.repo] = d.licence
			taken = d.taken
		}
		if err := m.date(first, taken); err != nil {
			return nil, fmt.Errorf("epoch %d: %w", s.epoch, err)
		}
		moments = append(moments, m)
	}
	return moments, nil
}

// date estimates when the accounts of an epoch were read: the last noon or
// midnight in it that is not after noon of the day they were committed. The slot
// follows from the share of the epoch that had passed.
func (m *moment) date(first map[uint64]time.Time, committed time.Time) error {
	start, err := epochStart(first, m.Epoch)
	if err != nil {
		return err
	}
	end, err := epochStart(first, m.Epoch+1)
	if err != nil {
		return err
	}
	at := committed.Add(12 * time.Hour)
	for !at.Before(end) {
		at = at.Add(-12 * time.Hour)
	}
	if err := check(at.After(start), "no noon or midnight up to %s lies in it", committed.Format(time.DateOnly)); err != nil {
		return err
	}
	slots := int64(solanatest.MainnetSchedule.SlotsPerEpoch)
	done := between(0, slots, int64(at.Sub(start)/time.Second), int64(end.Sub(start)/time.Second))
	m.Tick, m.Time = at, at
	m.EpochStart, m.EpochEnd = &start, &end
	m.Height = m.Epoch*uint64(slots) + uint64(done)
	m.Estimated = fmt.Sprintf("slot and time are estimated from epoch %d, and unrecorded accounts read as absent", m.Epoch)
	return nil
}

// firstSeen is when each epoch was first seen by the independent series: its start
// or a little later.
func firstSeen(files fs.FS) (map[uint64]time.Time, error) {
	rows, err := table(files, "history/solana_rates_per_epoch.csv", "token", "epoch", "first_seen", "sol_per_token")
	if err != nil {
		return nil, err
	}
	first := map[uint64]time.Time{}
	for _, row := range rows {
		epoch, err := strconv.ParseUint(row[1], 10, 64)
		if err != nil {
			return nil, err
		}
		at, err := time.Parse(time.RFC3339, row[2])
		if err != nil {
			return nil, err
		}
		if old, seen := first[epoch]; !seen || at.Before(old) {
			first[epoch] = at.UTC()
		}
	}
	return first, nil
}

// slotTimes are measured pairs of slot and time (domain notes on Solana, section
// 8: Pyth accounts and recorded answers of nodes).
var slotTimes = []struct {
	slot int64
	at   time.Time
}{
	{311_798_332, time.Date(2025, 1, 4, 9, 48, 7, 0, time.UTC)},
	{339_807_895, time.Date(2025, 5, 13, 19, 40, 53, 0, time.UTC)},
	{406_145_854, time.Date(2026, 3, 13, 13, 35, 58, 0, time.UTC)},
}

// epochStart estimates the start of an epoch: as the series first saw it, else by
// interpolation between measured slots.
func epochStart(first map[uint64]time.Time, epoch uint64) (time.Time, error) {
	if at, seen := first[epoch]; seen {
		return at, nil
	}
	slot := int64(epoch * solanatest.MainnetSchedule.SlotsPerEpoch)
	for i := 1; i < len(slotTimes); i++ {
		a, b := slotTimes[i-1], slotTimes[i]
		if a.slot <= slot && slot <= b.slot {
			return time.Unix(between(a.at.Unix(), b.at.Unix(), slot-a.slot, b.slot-a.slot), 0).UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("nothing tells when epoch %d began", epoch)
}

// table reads a CSV file whose columns begin as named.
func table(files fs.FS, name string, columns ...string) ([][]string, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) == 0 || len(rows[0]) < len(columns) || strings.Join(rows[0][:len(columns)], ",") != strings.Join(columns, ",") {
		return nil, fmt.Errorf("%s: its columns do not begin with %v", name, columns)
	}
	return rows[1:], nil
}

package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

const preface = `# Where the demo's numbers come from

` + "`moments.json`" + ` holds every number with its source; ` + "`recordings/`" + ` is what the gateway
recorded while the plugins read those numbers from a node in memory. Both are made
by ` + "`tools/demorec`" + `, and so is this file:

    go run ./tools/demorec -from <folder of the recorded sources>   derive the numbers, then record
    go run ./tools/demorec                                          record moments.json again

The numbers are real: they were read from a chain by somebody and kept in a public
repository. They are taken over as numbers. Account bytes are written anew from the
decoded fields, so that nothing of a source's files is here; what a plugin does not
read (the records of validator lists, what lies behind the fields of an account) is
zero. The envelope of a JSON-RPC answer (apiVersion, rentEpoch) is that of the node
in memory and says nothing.

What no source holds is not made up. On Ethereum the call reverts with "` + notRecorded + `";
on Solana the account reads as absent. The plugins write both down as unknown with
the reason.

## What is estimated

Such rows have the quality ` + "`estimated`" + ` and the reason in the warehouse.

- **Solana: slot and time.** The dumps name neither. Their epoch is known: a state's
  rate equals that epoch's in an independent series to all printed digits, and pools
  name it. The time is the last noon or midnight (UTC) in the epoch that is not after
  noon of the day the dump was committed; the slot follows from the share of the epoch
  that had passed. An epoch starts when the published series first saw it (to epoch
  720), or by interpolation between measured pairs of slot and time: 311798332 =
  2025-01-04 09:48:07, 339807895 = 2025-05-13 19:40:53, 406145854 = 2026-03-13 13:35:58.
  Estimated starts are not stored as boundaries of epochs. The accounts of one moment
  were dumped one after the other, so that small contradictions between them remain
  (a mint that counts more than its pool); the plugins mark such rows suspect.
- **Ethereum: the block of 2023's ticks.** By linear interpolation between the ends of
  Rocket Pool's reward intervals, whose slot and block are known. The error is of the
  order of a hundred blocks (20 minutes). Block hashes are in no source, so the
  recordings name blocks by number.
- **Lido: the day of the reports.** The pairs of ether and shares are test vectors of
  Lido's SDK, without a date. The vectors of 950,400 s and 9,244,800 s share their last
  pair, so they are one report seen over 11 and over 107 days, and the SDK computes
  them from the state before the first report of the window. The last report is dated
  2023-12-10:
  - the vectors were committed on 2023-12-11 at 06:09 UTC, and the report of that day
    comes at 12:20 UTC, so it is that of 12-10 or an earlier one;
  - its rate 1.149640770 lies between the recorded 1.129094895 (2023-06-21 00:00) and
    1.163738797 (block 19661884, 2024-04-15). Measured by the network's own staking APR
    of the same days, stETH then earns the same share of it in the 107 days before the
    report (0.985) and in the 127 days after it (0.989). Two days earlier the second is
    0.973, two days later 1.005;
  - the 66 days before the longer window then give 4.0 % a year, 0.89 of the network's,
    as much as in the five weeks before them.

  So it is not later, and at most about two days earlier. A day's error moves the
  rate's time by a day and its value by nothing. The first pairs are the states just
  before the reports of 2023-08-26 and 2023-11-30, with the rate of the reports before
  (2023-08-25 and 2023-11-29). Left out are the SDK's vectors of other networks: three
  over 4,608 to 188,928 s, and that over 12,009,600 s, whose rate of 1.167 stETH did not
  have while it held as little.
- **Lido: the slot a report describes** follows from the day: the oracle's frame is 225
  epochs from epoch 201600 (2023-05-16 12:00:23 UTC), and a report describes the slot
  before it.
- **Rocket Pool: the exchange rate** the token states is total × 1e18 ÷ supply rounded
  down, as its contract computes it. The plugin computes the rate from the report itself
  and compares.

Rocket Pool's state of 2026-04-14 names its block and slot, so nothing of its position
is estimated. No recorded price of a Chainlink feed names its block, so the demo has
none. Published series come from the plugin ` + "`history`" + `; see
` + "`plugins/history/data/PROVENANCE.md`" + `.

`

// provenance is the text of PROVENANCE.md.
func (b book) provenance() string {
	var out strings.Builder
	out.WriteString(preface)
	out.WriteString("## Sources\n\nNumbers only; none of their files is here.\n\n| source | terms |\n|---|---|\n")
	for _, s := range b.Sources {
		fmt.Fprintf(&out, "| %s | %s |\n", s.Name, s.Licence)
	}
	out.WriteString("\n## Moments\n")
	for _, m := range b.Moments {
		m.describe(&out)
	}
	return out.String()
}

func (m moment) describe(out *strings.Builder) {
	height := fmt.Sprintf("block %d", m.Height)
	if m.Chain == solana.Chain {
		height = fmt.Sprintf("epoch %d (%s to %s), slot %d", m.Epoch, stamp(*m.EpochStart), stamp(*m.EpochEnd), m.Height)
	}
	fmt.Fprintf(out, "\n### %s, %s\n\n%s, time %s. %s.\n\n", m.Chain, stamp(m.Tick), sentence(height), stamp(m.Time),
		sentence(cmp.Or(m.Estimated, "block and time are in the source")))
	for _, t := range m.Tasks {
		fmt.Fprintf(out, "- %s (%s): %s", t.Plugin, list(t.Tokens), t.Note)
		if t.Estimated != "" {
			fmt.Fprintf(out, "; %s", t.Estimated)
		}
		out.WriteString("\n")
	}
	out.WriteString("\n| what | value | source |\n|---|---|---|\n")
	for _, a := range m.Calls {
		fmt.Fprintf(out, "| %s | %s | %s |\n", a.What, strings.Join(a.Words, ", "), a.Source)
	}
	for _, a := range m.Accounts {
		fmt.Fprintf(out, "| %s %s | %s | %s |\n", a.What, a.Address, a.headline(), a.Source)
	}
}

// headline is the number an account is best known by.
func (a account) headline() string {
	switch {
	case a.Marinade != nil:
		virtual, _ := a.Marinade.VirtualStaked()
		return fmt.Sprintf("%d lamports for %d mSOL units", virtual, a.Marinade.MSOLSupply)
	case a.StakePool != nil:
		return fmt.Sprintf("%d lamports for %d units", a.StakePool.TotalLamports, a.StakePool.PoolTokenSupply)
	case a.Solido != nil:
		return fmt.Sprintf("%d lamports for %d stSOL units", a.Solido.ExchangeRate.SOLBalance, a.Solido.ExchangeRate.StSOLSupply)
	case a.ValidatorList != nil:
		return fmt.Sprintf("%d validators", a.ValidatorList.Count)
	case a.Mint != nil:
		return fmt.Sprintf("supply %d", a.Mint.Supply)
	}
	return fmt.Sprintf("%d lamports", a.Lamports)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// sentence begins with a capital.
func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

func list(tokens []sdk.TokenID) string {
	var names []string
	for _, t := range tokens {
		names = append(names, string(t))
	}
	return strings.Join(names, ", ")
}

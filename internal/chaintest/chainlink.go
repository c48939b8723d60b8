package chaintest

import (
	"math/big"
	"time"

	"github.com/lst-pipeline/lst-pipeline/sdk/evm"
)

// The feeds the plugin reads without being asked, with an answer each.
var feeds = []struct {
	proxy    string
	decimals int
	answer   *big.Int
}{
	{ETHUSD, 8, number("3_100_12345678")},
	{"0x4ffC43a60e009B551865A93d232E33Fce9f01507", 8, number("140_00000000")},           // SOL/USD
	{"0x7bAC85A8a13A4BcD8abb3eB7d6b4d632c5a57676", 8, number("20000000")},               // POL/USD
	{"0xF4030086522a5bEEa4988F8cA5B36dbC97BeE88c", 8, number("95_000_00000000")},        // BTC/USD
	{"0x8fFfFfd4AfB6115b954Bd326cbe7B4BA576818f6", 8, number("1_00000000")},             // USDC/USD
	{"0x86392dC19c0b719886221c78AB11eb8Cf5c52812", 18, number("999500000000000000")},    // stETH/ETH
	{"0xCfE54B5cD566aB89272946F602D76Ea879CAb4a8", 8, number("3_098_00000000")},         // stETH/USD
	{"0x536218f9E9Eb48863970252233c8F271f554C2d0", 18, number("1_119000000000000000")},  // rETH/ETH
	{"0xF017fcB346A1885194689bA23Eff2fE6fA5C483b", 18, number("1_100_000000000000000")}, // cbETH/ETH
}

// ETHUSD is the proxy of the feed ETH/USD.
const ETHUSD = "0x5f4eC3Df9cbd43714FE2740f5E3616155c5b8419"

// LatestRound is the call that gives a feed's newest round: id, answer, and when it
// was started and updated.
func LatestRound(proxy string) evm.Call {
	return method("latestRoundData() returns (uint80,int256,uint256,uint256,uint80)").At(evm.MustAddress(proxy))
}

// TeachChainlink teaches the feeds: each was updated at the start of the hour.
func (e *Ethereum) TeachChainlink() {
	for _, f := range feeds {
		proxy := evm.MustAddress(f.proxy)
		e.Answer(method("decimals() returns (uint8)").At(proxy), f.decimals)
		e.At(LatestRound(f.proxy), func(b Block) []any {
			at := b.Time.Truncate(time.Hour).Unix()
			return []any{7, f.answer, at, at, 7}
		})
	}
}

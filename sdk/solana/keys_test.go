package solana_test

import (
	"testing"

	"github.com/lst-pipeline/lst-pipeline/sdk"
	"github.com/lst-pipeline/lst-pipeline/sdk/solana"
)

func TestDerivedAddressesEqualThoseOnMainnet(t *testing.T) {
	t.Parallel()
	marinade := solana.MustKey("MarBmsSgKXdrN1egZf5sqe1TMai9K1rChYNDJgjq7aD")
	marinadeState := solana.MustKey("8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC")
	for name, c := range map[string]struct {
		program, base solana.PublicKey
		seed, want    string
		bump          uint8
	}{
		"marinade reserve":         {marinade, marinadeState, "reserve", "Du3Ysj1wKbxPKkuPPnvzQLQh8oMSVifs3jGZjJWXFmHN", 255},
		"marinade sol leg":         {marinade, marinadeState, "liq_sol", "UefNb6z6yvArqe4cJHTXCqStRsKmWhGxnZzuHbikP5Q", 254},
		"marinade mint authority":  {marinade, marinadeState, "st_mint", "3JLPCS1qM2zRw3Dp6V4hZnYHd4toMNPkNesXdX9tg6KM", 253},
		"jito withdraw authority":  {solana.MustKey("SPoo1Ku8WFXoNDMHPsrGSTSG1Y47rzgn41SLUNakuHy"), solana.MustKey("Jito4APyf642JPZPx3hGc6WWJ8zPKtRbRs4P815Awbb"), "withdraw", "6iQKfEyhr3bZMotVkW6beNZz5CPAkiwvgV2CTje9pVSS", 253},
		"lido on solana's reserve": {solana.MustKey("CrX7kMhLC3cSsXJdT7JDgqrRVWGnUpX3gfEfxxU2NVLi"), solana.MustKey("49Yi1TKkNyYjPAFdR9LBvoHcUjuPX4Df5T5yv39w2XTn"), "reserve_account", "3Kwv3pEAuoe4WevPB4rgMBTZndGDb53XT7qwQKnvHPfX", 255},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, bump, err := solana.Derive(c.program, c.base, c.seed)
			if err != nil || got.String() != c.want || bump != c.bump {
				t.Errorf("got %s bump %d, %v; want %s bump %d", got, bump, err, c.want, c.bump)
			}
		})
	}
}

func TestParseKeyRefusesWhatIsNoAddress(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "0OIl", "abc", "8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC8szG"} {
		if _, err := solana.ParseKey(bad); sdk.KindOf(err) != sdk.KindConfig {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

package solana

// MintSize is the length of an SPL token mint; a Token-2022 mint is longer and
// starts with the same bytes.
const MintSize = 82

// Mint is an SPL token mint.
type Mint struct {
	Authority       *PublicKey
	Supply          uint64 // in units of 10^-Decimals
	Decimals        uint8
	Initialized     bool
	FreezeAuthority *PublicKey
}

// DecodeMint reads a mint. Errors are of kind layout.
func DecodeMint(data []byte) (Mint, error) {
	var m Mint
	c := Decoding("token mint", data)
	m.layout(c)
	if c.Err() == nil && !m.Initialized {
		c.Fail("is_initialized", "the mint is not initialised")
	}
	return m, c.Err()
}

// Encode writes the mint as an account of 82 bytes.
func (m Mint) Encode() []byte {
	c := Encoding("token mint", MintSize)
	m.layout(c)
	return c.Bytes()
}

func (m *Mint) layout(c *Codec) {
	wideOptionKey(c, "mint_authority", &m.Authority)
	c.U64("supply", &m.Supply)
	c.U8("decimals", &m.Decimals)
	c.Bool("is_initialized", &m.Initialized)
	wideOptionKey(c, "freeze_authority", &m.FreezeAuthority)
}

// wideOptionKey is the token program's option: four bytes 0 or 1, and room for
// the address in either case.
func wideOptionKey(c *Codec, field string, v **PublicKey) {
	var tag uint32
	var key PublicKey
	if c.Writing() && *v != nil {
		tag, key = 1, **v
	}
	c.U32(field, &tag)
	c.Key(field, &key)
	if c.Err() != nil || c.Writing() {
		return
	}
	switch tag {
	case 0:
		*v = nil
	case 1:
		*v = &key
	default:
		c.Fail(field, "option tag is %d, want 0 or 1", tag)
	}
}

// TokenAccountSize is the length of an SPL token account.
const TokenAccountSize = 165

// TokenAccount is the part of an SPL token account the pipeline reads.
type TokenAccount struct {
	Mint   PublicKey
	Owner  PublicKey
	Amount uint64
}

// DecodeTokenAccount reads a token account. Errors are of kind layout.
func DecodeTokenAccount(data []byte) (TokenAccount, error) {
	var t TokenAccount
	c := Decoding("token account", data)
	if len(data) < TokenAccountSize {
		c.Fail("length", "the account has %d bytes, want at least %d", len(data), TokenAccountSize)
	}
	t.layout(c)
	return t, c.Err()
}

// Encode writes the token account as 165 bytes in state initialised.
func (t TokenAccount) Encode() []byte {
	c := Encoding("token account", TokenAccountSize)
	t.layout(c)
	c.Bytes()[108] = 1
	return c.Bytes()
}

func (t *TokenAccount) layout(c *Codec) {
	c.Key("mint", &t.Mint)
	c.Key("owner", &t.Owner)
	c.U64("amount", &t.Amount)
}

// StakeAccountSize is the length of a stake account.
const StakeAccountSize = 200

// The states of a stake account.
const (
	StakeUninitialized = 0
	StakeInitialized   = 1 // holds lamports, delegates none
	StakeDelegated     = 2
)

// StakeAccount is an account of the stake program.
type StakeAccount struct {
	State             uint32
	RentExemptReserve uint64 // lamports that are not stake
	Staker            PublicKey
	Withdrawer        PublicKey
	LockupTime        int64 // unix seconds
	LockupEpoch       uint64
	Custodian         PublicKey
	// The rest is set in state StakeDelegated.
	Voter             PublicKey
	Stake             uint64 // lamports
	ActivationEpoch   uint64
	DeactivationEpoch uint64 // 2^64-1 means never
}

// DecodeStakeAccount reads a stake account of state initialised or delegated.
// Errors are of kind layout.
func DecodeStakeAccount(data []byte) (StakeAccount, error) {
	var s StakeAccount
	c := Decoding("stake account", data)
	s.layout(c)
	return s, c.Err()
}

// Encode writes the stake account as 200 bytes.
func (s StakeAccount) Encode() []byte {
	c := Encoding("stake account", StakeAccountSize)
	s.layout(c)
	return c.Bytes()
}

func (s *StakeAccount) layout(c *Codec) {
	c.U32("state", &s.State)
	if s.State != StakeInitialized && s.State != StakeDelegated {
		c.Fail("state", "is %d, want 1 (initialised) or 2 (delegated)", s.State)
	}
	c.U64("rent_exempt_reserve", &s.RentExemptReserve)
	c.Key("staker", &s.Staker)
	c.Key("withdrawer", &s.Withdrawer)
	c.I64("lockup.unix_timestamp", &s.LockupTime)
	c.U64("lockup.epoch", &s.LockupEpoch)
	c.Key("lockup.custodian", &s.Custodian)
	if s.State != StakeDelegated {
		return
	}
	c.Key("delegation.voter", &s.Voter)
	c.U64("delegation.stake", &s.Stake)
	c.U64("delegation.activation_epoch", &s.ActivationEpoch)
	c.U64("delegation.deactivation_epoch", &s.DeactivationEpoch)
}

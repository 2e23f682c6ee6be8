package config

import "time"

// What the owner of a copy fills in: see Ready.
const (
	placeholderDomain = "example.com"
	placeholderNumber = "PA0000000000"
)

const (
	paperBroker = "https://" + paperHost
	liveBroker  = "https://" + liveHost
	marketData  = "https://data.alpaca.markets"
	day         = 24 * time.Hour
)

// mailTo is one server for all; the recipients of prod are prod's alone, so that
// a mail of dev is never taken for one about real money.
func mailTo(recipient string) Mail {
	address := recipient + "@" + placeholderDomain
	return Mail{
		Host: "smtp." + placeholderDomain, Port: 587, From: "alchemiser@" + placeholderDomain, To: address, Allowed: address,
	}
}

// environments is the whole table: edit it, run the tests with -update, read
// the difference of the templates, commit both.
func environments() map[Env]Config {
	return map[Env]Config{
		// dev is thrown away at will and trades only when asked to.
		Dev: {
			Env: Dev, Region: "us-east-1", Qualifier: "alchdev",
			AlarmEmail:       "owner@" + placeholderDomain,
			LogRetentionDays: 7, ArchiveRetention: 7 * day,
			SourceCondition: true,
			Trading: Trading{
				Account: "paper-main", AccountNumber: placeholderNumber, Mode: "PAPER",
				BrokerURL: paperBroker, DataURL: marketData, DataFeed: "iex", MaxOrderUSD: "250000",
			},
			Mail: mailTo("owner"),
		},
		// staging is prod with paper money.
		Staging: {
			Env: Staging, Region: "us-east-1", Qualifier: "alchstg",
			AlarmEmail:       "owner@" + placeholderDomain,
			LogRetentionDays: 30, ArchiveRetention: 30 * day,
			Canary: true, ScheduleEnabled: true, SourceCondition: true,
			Trading: Trading{
				Account: "paper-staging", AccountNumber: placeholderNumber, Mode: "PAPER",
				BrokerURL: paperBroker, DataURL: marketData, DataFeed: "iex", MaxOrderUSD: "250000",
			},
			Mail: mailTo("owner"),
		},
		// prod trades real money. Its account number must be entered twice, the
		// largest order is the owner's decision, not a default, and no credentials but
		// those of Account may deploy it: fill in Account, too.
		Prod: {
			Env: Prod, Account: "", Region: "us-east-1", Qualifier: "alchprod",
			AlarmEmail:       "owner@" + placeholderDomain,
			LogRetentionDays: 365, ArchiveRetention: 365 * day,
			RetainData: true, TerminationProtect: true, Canary: true, ScheduleEnabled: true, SourceCondition: true,
			Trading: Trading{
				Account: "live-main", AccountNumber: placeholderNumber, Mode: "LIVE", LiveConfirm: placeholderNumber,
				BrokerURL: liveBroker, DataURL: marketData, DataFeed: "iex", MaxOrderUSD: "10000",
			},
			Mail: mailTo("owner-prod"),
		},
	}
}

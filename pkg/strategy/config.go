package strategy

// config checks the config map of the file.
func (c *compiler) config(f *Form) {
	const (
		assetClass = ":asset-class"
		frequency  = ":rebalance-frequency"
		threshold  = ":rebalance-threshold"
	)
	keys := 0
	for k := 0; k < len(f.Items); k += 2 {
		key, v := &f.Items[k], &f.Items[k+1]
		if key.Kind != Keyword {
			c.reportAt(key, "type", "a config key must be a keyword, found "+key.describe(), "write {:rebalance-frequency :daily}")
			continue
		}
		switch key.Text {
		case assetClass:
			if v.Kind != String || v.Text != "EQUITIES" && v.Text != "CRYPTO" {
				c.reportAt(v, "config", `asset-class must be "EQUITIES" or "CRYPTO"`, "")
			}
		case frequency:
			keys++
			switch v.Text {
			case ":daily", ":weekly", ":monthly", ":quarterly", ":yearly":
				if v.Kind == Keyword {
					c.program.Rule.Frequency = Frequency(v.Text[1:])
					continue
				}
			}
			hint := ""
			if v.Kind == String {
				hint = "write it as a keyword, e.g. :daily"
			}
			c.reportAt(v, "config", "rebalance-frequency must be one of :daily :weekly :monthly :quarterly :yearly", hint)
		case threshold:
			keys++
			if v.Kind != Number || !(v.Num > 0 && v.Num < 1) {
				c.reportAt(v, "config", "rebalance-threshold must be between 0 and 1", "0.05 means five percent of the strategy's money")
				continue
			}
			c.program.Rule.Threshold = v.Num
		default:
			c.reportAt(key, "unknown-key", "unknown config key "+clip(key.Text), "known: "+assetClass+" "+frequency+" "+threshold)
		}
	}
	if keys == 2 {
		c.reportAt(f, "config", "rebalance-frequency and rebalance-threshold exclude each other", "keep one of them")
	}
}

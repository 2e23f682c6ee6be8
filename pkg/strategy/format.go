package strategy

func Format(file string, src []byte) ([]byte, Diagnostics) { return src, nil }

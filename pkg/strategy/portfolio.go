package strategy

import "strings"

// StrategyID is the file's path without ".clj".
func StrategyID(file string) string { return strings.TrimSuffix(file, ".clj") }

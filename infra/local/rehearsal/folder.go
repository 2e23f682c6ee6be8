package rehearsal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What a rehearsal leaves in its folder Dir, beside mails and events.
const (
	LedgerDir = "ledger" // the table of a finished run
	LogsDir   = "logs"   // one file a log group
)

// TableName is the table of the rehearsed environment.
const TableName = "alchemiser-" + environment + "-state"

// Served says where a served cloud is, or was. It lies in its data folder, so
// that the operator's verbs find the cloud by the folder.
type Served struct {
	Endpoint string `json:"endpoint"`
	Dir      string `json:"dir"` // mails and logs
}

func servedFile(dataDir string) string { return filepath.Join(dataDir, "served.json") }

// ReadServed reads what the cloud that uses, or last used, a data folder left
// there; false when none did.
func ReadServed(dataDir string) (Served, bool, error) {
	var s Served
	text, err := os.ReadFile(servedFile(dataDir))
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, false, fmt.Errorf("rehearsal: read %s: %w", servedFile(dataDir), err)
	}
	return s, true, nil
}

// announce writes down where this cloud is.
func (r *Rehearsal) announce(dataDir string) error {
	dir, err := filepath.Abs(r.options.Dir)
	if err != nil {
		return fmt.Errorf("rehearsal: %w", err)
	}
	text, err := json.Marshal(Served{Endpoint: r.Cloud.Endpoint(), Dir: dir})
	if err == nil {
		err = os.WriteFile(servedFile(dataDir), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("rehearsal: write down where the cloud is: %w", err)
	}
	return nil
}

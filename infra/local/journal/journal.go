// Package journal is a file of changes, one a line, so that a process killed the hard way forgets nothing it has answered for. A
// line is written before the answer. The system keeps what was written when the process dies; a machine that loses power may lose
// the newest lines.
//
//	j, err := journal.Open(path, func(c Change) error { return apply(c) }) // replays what is there
//	err = j.Append(change)                                               // then answer
//	err = j.Replace(whole)                                               // when the lines add up to less
package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Journal is an open file of changes. Its caller serializes its use.
type Journal[T any] struct {
	path string
	file *os.File
	end  int64 // after the last whole line; what follows was never answered for
}

// Open calls replay with every line of the file in order, and makes the file if there is none. A last line without its end is
// dropped: the process died while it wrote it. Any other damage is an error: a file with holes would tell an untrue story.
func Open[T any](path string, replay func(T) error) (_ *Journal[T], err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal[T]{path: path, file: file}
	text, err := io.ReadAll(file)
	for n := 1; err == nil; n++ {
		line, _, whole := bytes.Cut(text[j.end:], []byte("\n"))
		if !whole {
			return j, nil
		}
		var change T
		if err = json.Unmarshal(line, &change); err == nil {
			err = replay(change)
		}
		if err != nil {
			err = fmt.Errorf("line %d is damaged: restore the folder from a copy: %w", n, err)
		}
		j.end += int64(len(line)) + 1
	}
	// Nothing was written: closing reports nothing of interest.
	_ = file.Close()
	return nil, fmt.Errorf("journal %s: %w", path, err)
}

// Append writes a line. After a failure the next line takes its place.
func (j *Journal[T]) Append(change T) error {
	line, err := json.Marshal(change)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	n, err := j.file.WriteAt(append(line, '\n'), j.end)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.end += int64(n)
	return nil
}

// Clear empties the file: everything in it is saved elsewhere.
func (j *Journal[T]) Clear() error {
	if err := j.file.Truncate(0); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	j.end = 0
	return nil
}

// Replace puts one change in the place of all. The file is replaced as a whole: a crash leaves the old one or the new one.
func (j *Journal[T]) Replace(whole T) error {
	file, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	next := &Journal[T]{path: j.path, file: file}
	err = next.Append(whole)
	if err == nil {
		err = errors.Join(file.Sync(), os.Rename(file.Name(), j.path))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: replace %s: %w", j.path, err), file.Close(), os.Remove(file.Name()))
	}
	old := j.file
	*j = *next
	return old.Close()
}

// Close ends the use of the file.
func (j *Journal[T]) Close() error { return j.file.Close() }

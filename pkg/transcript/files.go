package transcript

import (
	"errors"
	"io/fs"
	"strings"
	"time"
)

// File is a file as it was read: its text, or why it could not be read.
type File struct {
	Text    string `json:"text"`
	Error   string `json:"error,omitempty"`
	Missing bool   `json:"missing,omitempty"`
}

// Files is fsys with every file that is read through it becoming a part of the
// transcripts: what ships with a function and decides with it.
func (t *Tape) Files(fsys fs.FS) fs.FS {
	if t == nil {
		return fsys
	}
	return recorder{t, fsys}
}

type recorder struct {
	tape *Tape
	of   fs.FS
}

// Open implements fs.FS.
func (r recorder) Open(name string) (fs.File, error) {
	text, err := fs.ReadFile(r.of, name)
	f := File{Text: string(text)}
	if err != nil {
		f = File{Error: err.Error(), Missing: errors.Is(err, fs.ErrNotExist)}
	}
	r.tape.mu.Lock()
	r.tape.files[name] = f
	r.tape.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return open(name, f), nil
}

// FilesOf are the files of a transcript, to load them again.
func FilesOf(h Head) fs.FS { return recorded(h.Files) }

type recorded map[string]File

// Open implements fs.FS.
func (r recorded) Open(name string) (fs.File, error) {
	f, ok := r[name]
	switch {
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRecorded}
	case f.Missing:
		return nil, &restored{text: f.Error, causes: []error{fs.ErrNotExist}}
	case f.Error != "":
		return nil, &restored{text: f.Error}
	}
	return open(name, f), nil
}

// memory is an open file.
type memory struct {
	*strings.Reader
	name string
}

func open(name string, f File) *memory { return &memory{strings.NewReader(f.Text), name} }

// Close implements fs.File.
func (m *memory) Close() error { return nil }

// Stat implements fs.File.
func (m *memory) Stat() (fs.FileInfo, error) { return info{m}, nil }

type info struct{ *memory }

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.Reader.Size() }
func (i info) Mode() fs.FileMode  { return 0o444 }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return false }
func (i info) Sys() any           { return nil }

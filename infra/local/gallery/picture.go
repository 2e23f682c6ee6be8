package gallery

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// ErrNoBrowser says what pictures need.
var ErrNoBrowser = errors.New("no Chromium found, which takes the pictures: install it (Debian: apt-get install chromium), " +
	"name it in CHROMIUM, or write the mails alone with make gallery ARGS=-pictures=false")

// Browser is a Chromium: the one that CHROMIUM names, or one in the path.
func Browser() (string, error) {
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

// Look is how a mail is looked at.
type Look struct {
	File  string // of the picture
	Width int    // pixels
	Dark  bool
}

// Looks are the pictures of every mail.
func Looks() []Look {
	return []Look{{File: "light.png", Width: 700}, {File: "dark.png", Width: 700, Dark: true}, {File: "phone.png", Width: 380}}
}

const (
	tallest    = 3000 // pixels: no mail of the gallery is longer
	narrowest  = 500  // a window of Chromium is no narrower
	patience   = 5 * time.Minute
	paletteLen = 64
)

// Shoot renders pages with one start of a browser, side by side in frames, and
// returns the PNG of each, cut below its end and reduced to a palette.
func Shoot(ctx context.Context, browser string, pages []string, look Look) ([][]byte, error) {
	dir, err := os.MkdirTemp("", "gallery")
	if err != nil {
		return nil, fmt.Errorf("gallery: %w", err)
	}
	defer os.RemoveAll(dir)
	// A frame has any width, a window has not.
	frames := `<meta name="color-scheme" content="light dark"><body style="margin:0;display:flex">`
	for _, page := range pages {
		if page, err = filepath.Abs(page); err != nil {
			return nil, fmt.Errorf("gallery: %w", err)
		}
		frames += fmt.Sprintf(`<iframe src="file://%s" width="%d" height="%d" style="border:0;flex:none"></iframe>`, page, look.Width, tallest)
	}
	wrapper, picture := filepath.Join(dir, "frames.html"), filepath.Join(dir, "picture.png")
	if err := os.WriteFile(wrapper, []byte(frames), 0o600); err != nil {
		return nil, fmt.Errorf("gallery: %w", err)
	}
	arguments := []string{
		"--headless", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--blink-settings=preferredColorScheme=" + map[bool]string{true: "0", false: "1"}[look.Dark],
		"--window-size=" + strconv.Itoa(max(look.Width*len(pages), narrowest)) + "," + strconv.Itoa(tallest), "--screenshot=" + picture,
	}
	if os.Getuid() == 0 {
		arguments = append(arguments, "--no-sandbox") // root has none; the pages are our own
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if out, err := exec.CommandContext(ctx, browser, append(arguments, "file://"+wrapper)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gallery: %s: %w: %s", browser, err, out)
	}
	raw, err := os.ReadFile(picture)
	if err != nil {
		return nil, fmt.Errorf("gallery: the browser took no picture: %w", err)
	}
	full, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("gallery: the browser's picture does not decode: %w", err)
	}
	pictures := make([][]byte, len(pages))
	for i := range pages {
		var out bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, reduce(full, i*look.Width, look.Width)); err != nil {
			return nil, fmt.Errorf("gallery: %w", err)
		}
		pictures[i] = out.Bytes()
	}
	return pictures, nil
}

// reduce takes the mail that begins at left, cuts what is empty below it and
// keeps the colours that are used most.
func reduce(full image.Image, left, width int) *image.Paletted {
	height := full.Bounds().Dy()
	empty := full.At(left, height-1)
	last := func() int {
		for y := height - 1; y > 0; y-- {
			for x := range width {
				if full.At(left+x, y) != empty {
					return y
				}
			}
		}
		return 0
	}()
	const margin = 16
	out := image.NewPaletted(image.Rect(0, 0, width, min(height, last+margin)), nil)
	counts := make(map[color.RGBA]int)
	for y := range out.Rect.Dy() {
		for x := range width {
			counts[rgb(full.At(left+x, y))]++
		}
	}
	out.Palette = palette(counts)
	nearest := make(map[color.RGBA]uint8, len(counts))
	for c := range counts {
		nearest[c] = uint8(out.Palette.Index(c))
	}
	for y := range out.Rect.Dy() {
		for x := range width {
			out.SetColorIndex(x, y, nearest[rgb(full.At(left+x, y))])
		}
	}
	return out
}

func rgb(c color.Color) color.RGBA {
	r, g, b, _ := c.RGBA()
	return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 0xff}
}

// palette are the most frequent colours, each standing for its neighbourhood.
func palette(counts map[color.RGBA]int) color.Palette {
	type shade struct {
		color.RGBA
		n int
	}
	best, total := make(map[color.RGBA]shade), make(map[color.RGBA]int)
	for c, n := range counts {
		near := color.RGBA{c.R &^ 7, c.G &^ 7, c.B &^ 7, 0xff}
		total[near] += n
		if b := best[near]; n > b.n || n == b.n && less(c, b.RGBA) < 0 {
			best[near] = shade{c, n}
		}
	}
	shades := make([]shade, 0, len(best))
	for near, b := range best {
		shades = append(shades, shade{b.RGBA, total[near]})
	}
	slices.SortFunc(shades, func(a, b shade) int { return cmp.Or(cmp.Compare(b.n, a.n), less(a.RGBA, b.RGBA)) })
	var out color.Palette
	for _, s := range shades[:min(len(shades), paletteLen)] {
		out = append(out, s.RGBA)
	}
	return out
}

func less(a, b color.RGBA) int {
	return cmp.Or(cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
}

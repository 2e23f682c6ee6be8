package notifier

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"
	"unicode/utf8"
)

//go:embed templates/mail.html templates/mail.txt
var templates embed.FS

// Render makes the two forms of a mail. They say the same: one for programs
// that show HTML, one for all others.
func Render(v View) (text, html string, err error) {
	forms, err := parsed()
	if err != nil {
		return "", "", err
	}
	var t, h bytes.Buffer
	if err := forms.plain.Execute(&t, v); err != nil {
		return "", "", err
	}
	if err := forms.rich.Execute(&h, v); err != nil {
		return "", "", err
	}
	return t.String(), h.String(), nil
}

// forms are the two templates of a mail.
type forms struct {
	plain *texttemplate.Template
	rich  *template.Template
}

// parsed are the templates, read once a process.
var parsed = sync.OnceValues(func() (f forms, err error) {
	f.plain, err = texttemplate.New("mail.txt").Option("missingkey=error").Funcs(texttemplate.FuncMap{
		"table": textTable, "wrap": wrap, "item": item, "rule": rule, "pairs": textPairs,
	}).ParseFS(templates, "templates/mail.txt")
	if err != nil {
		return f, err
	}
	f.rich, err = template.New("mail.html").Option("missingkey=error").Funcs(template.FuncMap{"css": css}).ParseFS(templates, "templates/mail.html")
	return f, err
})

// css is the inline style of a part. Mail programs ignore style sheets more
// often than not, so every part carries its own; the sheet in the head only
// adds the dark colours.
func css(name string) (template.CSS, error) {
	const (
		font  = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
		mono  = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
		small = "font-size:13px;line-height:1.45;"
		cell  = "border-bottom:1px solid #eaecf0;" // short: programs cut mails above 100 KB
	)
	styles := map[string]template.CSS{
		"page":     "margin:0;padding:0;background-color:#f2f4f7;" + font,
		"outer":    "background-color:#f2f4f7;padding:24px 8px;",
		"card":     "max-width:720px;width:100%;background-color:#ffffff;border:1px solid #e4e7ec;border-radius:10px;",
		"head":     "padding:26px 28px 22px 28px;border-bottom:1px solid #e4e7ec;",
		"body":     "padding:6px 28px 22px 28px;",
		"foot":     "padding:14px 28px 18px 28px;border-top:1px solid #e4e7ec;font-size:12px;line-height:1.6;color:#667085;" + mono,
		"pill":     "display:inline-block;padding:3px 10px;border-radius:999px;font-size:12px;font-weight:700;letter-spacing:.04em;",
		"good":     "color:#146c43;background-color:#e3f5eb;",
		"warn":     "color:#8a4b00;background-color:#fff0d9;",
		"bad":      "color:#a4191b;background-color:#fde8e8;",
		"quiet":    "color:#475467;background-color:#eceff3;",
		"mode":     "padding-left:10px;font-size:12px;font-weight:600;letter-spacing:.04em;color:#667085;",
		"live":     "padding-left:10px;font-size:12px;font-weight:700;letter-spacing:.04em;color:#a4191b;",
		"h1":       "margin:14px 0 6px 0;font-size:23px;line-height:1.25;font-weight:650;color:#101828;",
		"lead":     "margin:0;font-size:15px;line-height:1.5;color:#344054;",
		"amount":   "padding:0 26px 0 0;vertical-align:top;",
		"label":    "font-size:12px;color:#667085;",
		"value":    "padding-top:2px;font-size:16px;font-weight:650;color:#101828;white-space:nowrap;font-variant-numeric:tabular-nums;",
		"h2":       "margin:24px 0 8px 0;font-size:12px;font-weight:700;letter-spacing:.07em;text-transform:uppercase;color:#667085;",
		"factname": small + "padding:3px 18px 3px 0;color:#667085;white-space:nowrap;vertical-align:top;",
		"fact":     small + "padding:3px 0;color:#101828;vertical-align:top;",
		"table":    "width:100%;border-collapse:collapse;" + small,
		"trades":   "width:100%;border-collapse:collapse;white-space:nowrap;font-variant-numeric:tabular-nums;" + small,
		"th":       "padding:0 6px 6px 6px;text-align:right;font-size:12px;font-weight:600;color:#667085;border-bottom:1px solid #d0d5dd;white-space:nowrap;",
		"thl":      "padding:0 6px 6px 0;text-align:left;font-size:12px;font-weight:600;color:#667085;border-bottom:1px solid #d0d5dd;white-space:nowrap;",
		"td":       "padding:8px 6px;" + cell,
		"tdl":      "padding:8px 6px 8px 0;text-align:left;font-weight:650;" + cell,
		"tds":      "padding:8px 0 8px 6px;" + cell,
		"tr":       "color:#101828;",
		"chip":     "display:inline-block;padding:1px 8px;border-radius:999px;font-size:12px;font-weight:600;",
		"note":     "padding-top:3px;font-size:12px;line-height:1.35;white-space:normal;color:#667085;",
		"text":     "margin:0 0 6px 0;" + small + "color:#101828;",
		"muted":    "margin:0;" + small + "color:#667085;",
		"box":      "border-left:3px solid #d92d20;background-color:#fff6f5;padding:12px 16px;" + small + "color:#101828;",
		"boxwarn":  "border-left:3px solid #f0a020;background-color:#fffaf0;padding:12px 16px;" + small + "color:#101828;",
		"boxquiet": "border-left:3px solid #98a2b3;background-color:#f7f8fa;padding:12px 16px;" + small + "color:#101828;",
		"code":     mono + "font-size:12.5px;",
		"place":    mono + "font-size:14px;font-weight:700;margin:6px 0 4px 0;",
		"command":  mono + "font-size:12.5px;padding:7px 10px;background-color:#eceff3;color:#101828;border-radius:6px;",
		"strategy": "padding:10px 0;border-bottom:1px solid #eaecf0;" + small + "color:#101828;",
	}
	s, ok := styles[name]
	if !ok {
		return "", fmt.Errorf("no style %q", name)
	}
	return s, nil
}

// textTable aligns the rows of the trades in columns.
func textTable(v View) string {
	head := []string{"symbol", "target", "before", "side", "quantity", "fill price", "slippage", "status"}
	rows := [][]string{head}
	for _, t := range v.Trades {
		rows = append(rows, []string{t.Symbol, t.Target, t.Before, t.Side, t.Quantity, t.Price, t.Slippage, t.Status})
	}
	if v.Neutral {
		for i, r := range rows {
			rows[i] = append(r[:4:4], r[6:]...)
		}
	}
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 || i == len(r)-1 {
				line.WriteString(cell + pad + "  ")
			} else {
				line.WriteString(pad + cell + "  ")
			}
		}
		b.WriteString("  " + strings.TrimRight(line.String(), " ") + "\n")
		if n > 0 && v.Trades[n-1].Note != "" {
			b.WriteString("    " + v.Trades[n-1].Note + "\n")
		}
	}
	return b.String()
}

// textPairs aligns names and values.
func textPairs(lists ...[]Fact) string {
	facts := slices.Concat(lists...)
	width := 0
	for _, f := range facts {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "  %s%s  %s\n", f.Name, strings.Repeat(" ", width-utf8.RuneCountInString(f.Name)), f.Value)
	}
	return b.String()
}

const textWidth = 78

// wrap breaks a paragraph into lines.
func wrap(indent string, s string) string {
	var b strings.Builder
	line := indent
	for _, word := range strings.Fields(s) {
		if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > textWidth {
			b.WriteString(line + "\n")
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	b.WriteString(line)
	return b.String()
}

// item is a paragraph behind a mark.
func item(s string) string { return "  ! " + strings.TrimLeft(wrap("    ", s), " ") }

func rule(s string) string { return strings.Repeat("=", utf8.RuneCountInString(s)) }

package notifier

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"regexp"
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
		"table": textTable, "stages": textStages, "stats": textStats, "targets": textTargets, "pairs": textPairs,
		"wrap": wrap, "item": item, "rule": rule,
	}).ParseFS(templates, "templates/mail.txt")
	if err != nil {
		return f, err
	}
	source, err := styled("templates/mail.html")
	if err != nil {
		return f, err
	}
	f.rich, err = template.New("mail.html").Option("missingkey=error").Parse(source)
	return f, err
})

// styled is a template's text with its inline styles, {{css "name"}}, put in.
// Mail programs ignore style sheets more often than not, so every part carries
// its own style; the sheet in the head only adds the dark colours.
func styled(file string) (string, error) {
	text, err := templates.ReadFile(file)
	if err != nil {
		return "", err
	}
	var unknown error
	all := styles()
	out := regexp.MustCompile(`{{css "([^"]*)"}}`).ReplaceAllStringFunc(string(text), func(call string) string {
		_, name, _ := strings.Cut(strings.TrimSuffix(call, `"}}`), `"`)
		style, ok := all[name]
		if !ok {
			unknown = fmt.Errorf("%s: no style %q", file, name)
		}
		return template.HTMLEscapeString(style)
	})
	return out, unknown
}

// styles are the inline styles by name.
func styles() map[string]string {
	const (
		font  = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
		mono  = "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;"
		small = "font-size:13px;line-height:1.45;"
		cell  = "border-bottom:1px solid #eaecf0;" // short: programs cut mails above 100 KB
	)
	return map[string]string{
		"page":     "margin:0;padding:0;background-color:#f2f4f7;" + font,
		"outer":    "background-color:#f2f4f7;padding:20px 8px;",
		"card":     "max-width:720px;width:100%;background-color:#ffffff;border:1px solid #e4e7ec;border-radius:10px;",
		"head":     "padding:24px 28px 20px 28px;border-bottom:1px solid #e4e7ec;",
		"body":     "padding:2px 28px 22px 28px;",
		"foot":     "padding:14px 28px 18px 28px;border-top:1px solid #e4e7ec;font-size:12px;line-height:1.6;color:#667085;word-break:break-all;" + mono,
		"pill":     "display:inline-block;padding:3px 10px;border-radius:999px;font-size:12px;font-weight:700;letter-spacing:.04em;",
		"good":     "color:#146c43;background-color:#e3f5eb;",
		"warn":     "color:#8a4b00;background-color:#fff0d9;",
		"bad":      "color:#a4191b;background-color:#fde8e8;",
		"quiet":    "color:#475467;background-color:#eceff3;",
		"mode":     "padding-left:10px;font-size:12px;font-weight:600;letter-spacing:.04em;color:#667085;",
		"live":     "padding-left:10px;font-size:12px;font-weight:700;letter-spacing:.04em;color:#a4191b;",
		"h1":       "margin:14px 0 6px 0;font-size:22px;line-height:1.25;font-weight:700;color:#101828;",
		"lead":     "margin:0;font-size:15px;line-height:1.5;color:#344054;",
		"stat":     "padding:14px 22px 0 0;vertical-align:top;",
		"label":    "font-size:12px;color:#667085;",
		"value":    "padding-top:2px;font-size:16px;font-weight:700;color:#101828;white-space:nowrap;font-variant-numeric:tabular-nums;",
		"hint":     "padding-top:1px;font-size:12px;color:#667085;white-space:nowrap;font-variant-numeric:tabular-nums;",
		"h2":       "margin:22px 0 8px 0;font-size:12px;font-weight:700;letter-spacing:.07em;text-transform:uppercase;color:#667085;",
		"name":     small + "padding:3px 18px 3px 0;color:#667085;white-space:nowrap;vertical-align:top;",
		"fact":     small + "padding:3px 0;color:#101828;vertical-align:top;word-break:break-word;",
		"number":   small + "padding:3px 0 3px 22px;color:#101828;text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;",
		"table":    "width:100%;border-collapse:collapse;" + small,
		"trades":   "width:100%;border-collapse:collapse;white-space:nowrap;font-variant-numeric:tabular-nums;" + small,
		"th":       "padding:0 7px 6px 7px;text-align:right;font-size:12px;font-weight:600;color:#667085;border-bottom:1px solid #d0d5dd;white-space:nowrap;",
		"thl":      "padding:0 7px 6px 0;text-align:left;font-size:12px;font-weight:600;color:#667085;border-bottom:1px solid #d0d5dd;white-space:nowrap;",
		"td":       cell,
		"tdl":      "padding-left:0;text-align:left;font-weight:700;" + cell,
		"tds":      "padding-right:0;" + cell,
		"tr":       "color:#101828;",
		"chip":     "display:inline-block;padding:1px 8px;border-radius:9px;font-size:12px;font-weight:600;",
		"note":     "padding-top:3px;font-size:12px;line-height:1.4;white-space:normal;color:#667085;",
		"text":     "margin:0 0 6px 0;" + small + "color:#101828;",
		"more":     "margin:8px 0 0 0;" + small + "color:#667085;",
		"muted":    "color:#667085;",
		"box":      "border-left:3px solid #d92d20;background-color:#fff6f5;padding:12px 16px;" + small + "color:#101828;",
		"boxwarn":  "border-left:3px solid #f0a020;background-color:#fffaf0;padding:12px 16px;" + small + "color:#101828;",
		"boxquiet": "border-left:3px solid #98a2b3;background-color:#f7f8fa;padding:12px 16px;" + small + "color:#101828;",
		"code":     mono + "font-size:12.5px;word-break:break-all;",
		"place":    mono + "font-size:14px;font-weight:700;margin:6px 0 4px 0;",
		"command":  mono + "font-size:12.5px;line-height:1.45;margin:3px 0 10px 0;padding:7px 10px;background-color:#eceff3;color:#101828;border-radius:6px;word-break:break-word;",
		"strategy": "padding:9px 0;border-bottom:1px solid #eaecf0;" + small + "color:#101828;",
	}
}

// textTable aligns the rows of the trades in columns.
func textTable(t *Trades) string {
	type field struct {
		column
		there bool
		of    func(Trade) string
	}
	fields := slices.DeleteFunc([]field{
		{column{"symbol", true}, true, func(r Trade) string { return r.Symbol }},
		{column{"target", false}, true, func(r Trade) string { return r.Target }},
		{column{"before", false}, t.Before, func(r Trade) string { return r.Before }},
		{column{"after", false}, t.After, func(r Trade) string { return r.After }},
		{column{"order", false}, t.Order, func(r Trade) string { return r.Order }},
		{column{"price", false}, t.Prices, func(r Trade) string { return r.Price }},
		{column{"bps", false}, t.Slippages, func(r Trade) string { return r.Slippage }},
		{column{"status", true}, true, func(r Trade) string { return r.Status }},
	}, func(f field) bool { return !f.there })
	var g grid
	for _, f := range fields {
		g.columns = append(g.columns, f.column)
	}
	for _, r := range t.Rows {
		var cells []string
		for _, f := range fields {
			cells = append(cells, f.of(r))
		}
		g.rows, g.notes = append(g.rows, cells), append(g.notes, joined(r.Filled, r.Note))
	}
	out := g.String()
	if t.More != "" {
		out += wrap("  ", t.More) + "\n"
	}
	return out
}

// textStages aligns the stages with their times and costs.
func textStages(all []Stage) string {
	g := grid{columns: []column{{"stage", true}, {"time", false}}}
	costs := slices.ContainsFunc(all, func(s Stage) bool { return s.Cost != "" })
	if costs {
		g.columns = append(g.columns, column{"cost", false})
	}
	for _, s := range all {
		cells := []string{s.Name, s.Time}
		if costs {
			cells = append(cells, s.Cost)
		}
		g.rows = append(g.rows, cells)
	}
	return g.String()
}

// textTargets aligns symbols and weights.
func textTargets(targets []Fact) string {
	g := grid{columns: []column{{"", true}, {"", false}}}
	for _, t := range targets {
		g.rows = append(g.rows, []string{t.Name, t.Value})
	}
	return g.String()
}

// textStats aligns the figures and what they compare to.
func textStats(all []Stat) string {
	g := grid{columns: []column{{"", true}, {"", false}, {"", true}}}
	for _, s := range all {
		g.rows = append(g.rows, []string{s.Name, s.Value, s.Note})
	}
	return g.String()
}

// textPairs aligns names and values; a long value goes on under itself.
func textPairs(facts []Fact) string {
	width := 0
	for _, f := range facts {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	width = min(width, textWidth/3)
	var b strings.Builder
	for _, f := range facts {
		pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(f.Name)))
		indent := strings.Repeat(" ", width+4)
		b.WriteString("  " + f.Name + pad + "  " + strings.TrimLeft(wrap(indent, f.Value), " ") + "\n")
	}
	return b.String()
}

// joined are the parts that say something.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")
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
func item(mark, s string) string {
	indent := strings.Repeat(" ", 3+utf8.RuneCountInString(mark))
	return "  " + mark + " " + strings.TrimLeft(wrap(indent, s), " ")
}

func rule(s string) string { return strings.Repeat("=", utf8.RuneCountInString(s)) }

package settings

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// FileName is the configuration file inside the node's home.
const FileName = "config.toml"

// Load binds the flags and reads the file, if there is one. A flag that was given wins over the
// file, the file over a flag's default.
func Load(home string, flags *pflag.FlagSet) (*viper.Viper, error) {
	v := viper.New()

	var err error
	flags.VisitAll(func(f *pflag.Flag) {
		if e := v.BindPFlag(key(f.Name), f); e != nil {
			err = e
		}
	})
	if err != nil {
		return nil, err
	}

	file := filepath.Join(home, FileName)
	if _, err := os.Stat(file); os.IsNotExist(err) {
		return v, nil
	}

	v.SetConfigFile(file)
	if err := v.ReadInConfig(); err != nil {
		return nil, fmt.Errorf("reading %q: %w", file, err)
	}

	return v, nil
}

// Write puts every sectioned flag with its value in force into the home's file.
func Write(home string, v *viper.Viper, flags *pflag.FlagSet) error {
	var (
		text    bytes.Buffer
		section string
	)

	// The flags come in the order of their names, so sections stay together.
	flags.VisitAll(func(f *pflag.Flag) {
		dot := strings.LastIndexByte(f.Name, '.')
		if dot < 0 || strings.HasPrefix(f.Name, "log.") {
			return
		}

		if s := key(f.Name[:dot]); s != section {
			section = s
			fmt.Fprintf(&text, "[%s]\n\n", section)
		}

		fmt.Fprintf(&text, "# %s\n%s = %s\n\n", f.Usage, key(f.Name[dot+1:]), literal(v, f))
	})

	return os.WriteFile(filepath.Join(home, FileName), text.Bytes(), 0o600)
}

func key(flag string) string { return strings.ReplaceAll(flag, "-", "_") }

func literal(v *viper.Viper, f *pflag.Flag) string {
	switch f.Value.Type() {
	case "string":
		return strconv.Quote(v.GetString(key(f.Name)))
	case "stringSlice":
		items := v.GetStringSlice(key(f.Name))
		quoted := make([]string, len(items))
		for i, item := range items {
			quoted[i] = strconv.Quote(item)
		}

		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return v.GetString(key(f.Name))
	}
}

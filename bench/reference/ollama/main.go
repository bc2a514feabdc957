// Renders conversations with the template package of Ollama, for the golden file of the templates' tests.
//
//	go run . < requests.json > answers.json
//
// A request is {"template": Go template, "messages": [...], "tools": [...], "think": true, false or null}; an answer is {"text": ...} or
// {"error": ...}. The go.mod beside this file names the version of Ollama whose code is called.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/template"
)

type request struct {
	Template string        `json:"template"`
	Messages []api.Message `json:"messages"`
	Tools    api.Tools     `json:"tools"`
	Think    *bool         `json:"think"`
}

func render(r request) (string, error) {
	t, err := template.Parse(r.Template)
	if err != nil {
		return "", err
	}
	values := template.Values{Messages: r.Messages, Tools: r.Tools, Think: r.Think != nil && *r.Think, IsThinkSet: r.Think != nil}
	var b bytes.Buffer
	err = t.Execute(&b, values)
	return b.String(), err
}

func main() {
	var requests []request
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := []map[string]string{}
	for _, r := range requests {
		text, err := render(r)
		if err != nil {
			answers = append(answers, map[string]string{"error": err.Error()})
		} else {
			answers = append(answers, map[string]string{"text": text})
		}
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	if err := out.Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

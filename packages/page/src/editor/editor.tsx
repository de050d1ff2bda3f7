// The query field: CodeMirror with the colours of LogQL, completion, and the store's errors underlined. It is in a
// shadow tree, because there its styles are style sheets and no inline elements, which the content policy forbids.

import {
  acceptCompletion,
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
} from '@codemirror/autocomplete'
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands'
import {
  bracketMatching,
  HighlightStyle,
  LanguageSupport,
  LRLanguage,
  syntaxHighlighting,
} from '@codemirror/language'
import { linter } from '@codemirror/lint'
import { Compartment, EditorState, Prec } from '@codemirror/state'
import { EditorView, keymap, placeholder, tooltips } from '@codemirror/view'
import { parser } from '@grafana/lezer-logql'
import { styleTags, tags } from '@lezer/highlight'
import { useLayoutEffect, useRef } from 'preact/hooks'
import { StoreError } from '../errors.ts'
import { checkAfterMs } from '../limits.ts'
import { faultOf } from '../logql/logql-text.ts'
import type { App, EditorProps } from '../state/app.ts'
import { complete } from './completion.ts'
import { editorStyle } from './editor-style.ts'

/** The query field. */
export function Editor({ app }: EditorProps) {
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | undefined>(undefined)
  const { draft, texts } = app
  // In the same draw as its place, so that no key comes between.
  useLayoutEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: 'open' })
    const naming = new Compartment()
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({ doc: draft.value, extensions: extensionsOf(app, naming) }),
    })
    view.current = editor
    if (app.isQueryWanted) {
      app.isQueryWanted = false
      editor.focus()
      editor.dispatch({ selection: { anchor: editor.state.doc.length } })
    }
    const stopDraft = draft.subscribe(text => {
      if (text === editor.state.doc.toString()) return
      editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } })
    })
    const stopTexts = texts.subscribe(t => {
      const attributes = EditorView.contentAttributes.of({ 'aria-label': t.query })
      editor.dispatch({ effects: naming.reconfigure([attributes, placeholder(t.queryHint)]) })
    })
    return () => {
      stopDraft()
      stopTexts()
      editor.destroy()
    }
  }, [])
  return <div class="query-field" ref={host} />
}

function extensionsOf(app: App, naming: Compartment) {
  const submit = () => {
    app.submit()
    return true
  }
  return [
    naming.of([]),
    history(),
    closeBrackets(),
    bracketMatching(),
    EditorView.lineWrapping,
    tooltips({ position: 'fixed' }),
    logql(),
    autocompletion({ override: [context => complete(app, context)], icons: false }),
    linter(view => check(app, view), { delay: checkAfterMs }),
    Prec.highest(
      keymap.of([
        { key: 'Tab', run: acceptCompletion },
        { key: 'Mod-Enter', run: submit },
        {
          key: 'Escape',
          run: view => {
            // Without a list of completions, the keys of the page work again.
            view.contentDOM.blur()
            return true
          },
        },
      ]),
    ),
    keymap.of([
      ...completionKeymap,
      { key: 'Enter', run: submit },
      { key: 'Shift-Enter', run: newLine },
    ]),
    keymap.of([...closeBracketsKeymap, ...historyKeymap, ...defaultKeymap]),
    EditorView.updateListener.of(update => {
      if (update.docChanged) app.draft.value = update.state.doc.toString()
    }),
    editorStyle,
  ]
}

function newLine(view: EditorView): boolean {
  view.dispatch(view.state.replaceSelection('\n'))
  return true
}

/** Asks the store whether the query is right. */
async function check(app: App, view: EditorView) {
  const query = view.state.doc.toString()
  if (query.trim() === '') return []
  try {
    await app.client.json('loki/api/v1/format_query', { query })
    return []
  } catch (error) {
    if (!(error instanceof StoreError) || error.status !== 400) return []
    const { from, to, message } = faultOf(messageOf(error.message), query)
    return [{ from, to, message, severity: 'error' as const }]
  }
}

/** The answer is JSON with the message in it, or the message alone. */
function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { error?: string }).error ?? text
  } catch {
    return text
  }
}

function logql(): LanguageSupport {
  const language = LRLanguage.define({
    parser: parser.configure({
      props: [
        styleTags({
          LineComment: tags.comment,
          'Parens ( )': tags.paren,
          'Braces { }': tags.brace,
          Identifier: tags.propertyName,
          String: tags.string,
          'Number Duration Bytes': tags.number,
          'Json Logfmt Unpack Pattern Regexp Unwrap LabelFormat LineFormat Decolorize Drop Keep':
            tags.keyword,
          'By Without And Or Unless On Ignoring GroupLeft GroupRight Bool Offset': tags.keyword,
          'Sum Avg Count Max Min Stddev Stdvar Bottomk Topk Sort Sort_Desc': tags.function(
            tags.name,
          ),
          'CountOverTime Rate RateCounter BytesOverTime BytesRate AvgOverTime SumOverTime':
            tags.function(tags.name),
          'MinOverTime MaxOverTime StddevOverTime StdvarOverTime QuantileOverTime': tags.function(
            tags.name,
          ),
          'FirstOverTime LastOverTime AbsentOverTime LabelReplace Vector': tags.function(tags.name),
          'Eq Neq Re Nre PipeExact PipeMatch Npa Pipe': tags.operator,
        }),
      ],
    }),
  })
  return new LanguageSupport(language, syntaxHighlighting(colours))
}

const colours = HighlightStyle.define([
  { tag: tags.comment, color: 'var(--dim)' },
  { tag: tags.propertyName, color: 'var(--code-name)' },
  { tag: tags.string, color: 'var(--code-text)' },
  { tag: tags.number, color: 'var(--code-number)' },
  { tag: tags.keyword, color: 'var(--code-word)' },
  { tag: tags.function(tags.name), color: 'var(--code-call)' },
  { tag: tags.operator, color: 'var(--code-sign)' },
])

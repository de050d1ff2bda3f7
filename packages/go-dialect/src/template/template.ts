// Go's text/template language, for LogQL's line_format and label_format, and for the agent's template and
// replace stages. Parsing and compiling happen once; executing has no state.

import { FunctionError } from '../errors.ts'
import { toPrintable } from '../text/go-bytes.ts'
import type { Node, TemplateTree } from './ast.ts'
import { builtinFunctions, specialFunctions } from './builtins.ts'
import { compileTree, type Exec } from './compile.ts'
import type { FunctionTable } from './function.ts'
import { parseTrees } from './parser.ts'
import { printValue } from './print.ts'
import { Run, type Source, type TemplateData } from './run.ts'
import { type TemplateNeeds, templateNeeds } from './template-needs.ts'
import { GoMap, type Value } from './values.ts'

export interface TemplateOptions {
  /** Name for errors; `template` by default. */
  readonly name?: string
  /** Functions in addition to Go's built-in ones. They may replace those. */
  readonly functions: FunctionTable
  /**
   * Value of a missing field: the empty text (LogQL, where the data is a map of texts), or no value, printed
   * as `<no value>` (the agent). `no-value` by default.
   */
  readonly missingField?: 'empty' | 'no-value'
  /**
   * Whether to keep bytes that are not UTF-8 the way decodeGoText writes them, so that encodeGoText can
   * restore them. By default each becomes U+FFFD.
   */
  readonly keepsLooseBytes?: boolean
  /** Whether `range` accepts an integer, like Go since 1.24. False by default. */
  readonly rangeIntegers?: boolean
}

/** A compiled template. */
export interface Template {
  readonly name: string
  /** What the template may read of its data. */
  readonly needs: TemplateNeeds
  /**
   * Fills the template.
   *
   * @throws TemplateExecError when a function fails or a limit is reached.
   */
  execute(data: TemplateData): string
}

/**
 * Parses a template.
 *
 * @throws TemplateSyntaxError with Go's text: `template: line:1: unclosed action`.
 */
export function parseTemplate(text: string, options: TemplateOptions): Template {
  const { functions, missingField = 'no-value' } = options
  const name = options.name ?? 'template'
  const trees = parseTrees(text, { name, functionProblem: word => problemOf(word, functions) })
  const tree = trees.get(name)!
  const isMissingZero = missingField === 'empty'
  const needs = templateNeeds(trees, name)
  const finish = options.keepsLooseBytes ? (text: string) => text : toPrintable
  const simple = compileSimple(tree, isMissingZero ? '' : '<no value>')
  if (simple) return { name, needs, execute: data => finish(simple(data)) }
  const exec = compileTree(tree, {
    functions,
    trees,
    isMissingZero,
    canRangeIntegers: options.rangeIntegers === true,
  })
  const source: Source = { name, text, regexes: new Map() }
  const itemType = isMissingZero ? 'string' : 'interface {}'
  return {
    name,
    needs,
    execute: data => finish(runTemplate(exec, { source, data, tree, itemType })),
  }
}

function problemOf(name: string, functions: FunctionTable): string | undefined {
  const own = Object.hasOwn(functions, name) ? functions[name] : undefined
  if (own) return own.refusal && `function ${JSON.stringify(name)} is not supported: ${own.refusal}`
  const isBuiltin = Object.hasOwn(builtinFunctions, name) || specialFunctions.has(name)
  return isBuiltin ? undefined : `function ${JSON.stringify(name)} not defined`
}

interface Execution {
  readonly source: Source
  readonly data: TemplateData
  readonly tree: TemplateTree
  readonly itemType: GoMap['itemType']
}

function runTemplate(exec: Exec, { source, data, tree, itemType }: Execution): string {
  const run = new Run(source, data)
  const dot: Value = new GoMap(data, itemType)
  run.vars = new Array<Value>(tree.slotCount)
  run.vars[0] = dot
  try {
    exec(run, dot)
  } catch (error) {
    // Printing a value may also reach a limit. A RangeError from V8 means a stack overflow.
    if (error instanceof FunctionError || error instanceof RangeError) {
      run.fail(error.message, { cause: error })
    }
    throw error
  }
  return run.out
}

/** Most templates have only text and plain fields, and need no interpreter. */
function compileSimple(
  tree: TemplateTree,
  missing: string,
): ((data: TemplateData) => string) | undefined {
  const parts: { readonly text: string; readonly field: string | undefined }[] = []
  for (const node of tree.root.nodes) {
    const field = plainField(node)
    if (field === undefined && node.kind !== 'text') return undefined
    parts.push({ text: node.kind === 'text' ? node.text : '', field })
  }
  const only = parts.length === 1 ? parts[0]!.field : undefined
  if (only !== undefined) return data => textOf(data.get(only), missing)
  return data => {
    let out = ''
    for (const { text, field } of parts) {
      out += field === undefined ? text : textOf(data.get(field), missing)
    }
    return out
  }
}

function textOf(value: Value, missing: string): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? missing : printValue(value)
}

function plainField(node: Node): string | undefined {
  if (node.kind !== 'action' || node.pipe.declared.length > 0) return undefined
  const [command, ...others] = node.pipe.commands
  if (!command || others.length > 0 || command.args.length !== 1) return undefined
  const [operand] = command.args
  return operand?.kind === 'field' && operand.names.length === 1 ? operand.names[0] : undefined
}

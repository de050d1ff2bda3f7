// Go's text/template language, as LogQL's line_format and label_format and the agent's template and
// replace stages use it. Parsing and compiling happen once; executing has no state.

import { FunctionError } from '../errors.ts'
import { toPrintable } from '../text/go-bytes.ts'
import type { Node, TemplateTree } from './ast.ts'
import { builtinFunctions, specialFunctions } from './builtins.ts'
import { compileTree, type Exec } from './compile.ts'
import type { FunctionTable } from './function.ts'
import { parseTrees } from './parser.ts'
import { Run, type Source, type TemplateData } from './run.ts'
import { type TemplateNeeds, templateNeeds } from './template-needs.ts'
import { GoMap, type Value } from './values.ts'

export interface TemplateOptions {
  /** Name that errors show; `template` by default. */
  readonly name?: string
  /** Functions beside Go's own ones, which they may replace. */
  readonly functions: FunctionTable
  /**
   * What a field that is not there is: the empty text (LogQL, where the data is a map of texts), or
   * nothing, which prints as `<no value>` (the agent). `no-value` by default.
   */
  readonly missingField?: 'empty' | 'no-value'
  /**
   * Whether bytes that are no UTF-8 are kept in the result, as decodeGoText writes them, so that
   * encodeGoText gives them back; no by default: each becomes U+FFFD.
   */
  readonly keepsLooseBytes?: boolean
  /** Whether `range` counts up to an integer, as Go does since 1.24; no by default. */
  readonly rangeIntegers?: boolean
}

/** A template ready to run. */
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
    // Printing a value may reach a limit as well; what V8 calls a range error is a full stack.
    if (error instanceof FunctionError || error instanceof RangeError) {
      run.fail(error.message, { cause: error })
    }
    throw error
  }
  return run.out
}

/** Templates of texts and plain fields only, which most are, need no run. */
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
  if (only !== undefined) return data => data.get(only) ?? missing
  return data => {
    let out = ''
    for (const { text, field } of parts) {
      out += field === undefined ? text : (data.get(field) ?? missing)
    }
    return out
  }
}

function plainField(node: Node): string | undefined {
  if (node.kind !== 'action' || node.pipe.declared.length > 0) return undefined
  const [command, ...others] = node.pipe.commands
  if (!command || others.length > 0 || command.args.length !== 1) return undefined
  const [operand] = command.args
  return operand?.kind === 'field' && operand.names.length === 1 ? operand.names[0] : undefined
}

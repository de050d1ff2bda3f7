// Reads the text of a template into syntax trees. Errors have Go's texts.

import { TemplateSyntaxError } from '../errors.ts'
import { unquoteGoString } from '../text/go-string.ts'
import type {
  BranchNode,
  CommandNode,
  ListNode,
  Node,
  NumberNode,
  Operand,
  PipeNode,
  TemplateNode,
  TemplateTree,
  VariableNode,
} from './ast.ts'
import { formatNode, unknownSlot } from './ast.ts'
import { Lexer, type Token, type TokenType } from './lexer.ts'
import { templateLimits } from './limits.ts'
import { parseCharConstant, parseNumber } from './number-literal.ts'

export interface ParseOptions {
  /** Name of the template, which errors show. */
  readonly name: string
  /** Says why a function cannot be used, `undefined` where it can. */
  readonly functionProblem: (name: string) => string | undefined
}

/** Ends of lists, which are no nodes of the tree. */
interface EndNode {
  readonly kind: 'end' | 'else'
}

/** What belongs to one template of the text: variables in scope and the number of those seen. */
interface Scope {
  variables: { readonly name: string; readonly slot: number }[]
  slotCount: number
}

/**
 * Parses a text; the result maps the names of its templates, its own among them, to their trees.
 *
 * @throws TemplateSyntaxError
 */
export function parseTrees(text: string, options: ParseOptions): ReadonlyMap<string, TemplateTree> {
  if (text.length > templateLimits.sourceCharsMax) {
    const why = `template is too long: at most ${templateLimits.sourceCharsMax} characters`
    throw new TemplateSyntaxError(`template: ${options.name}:1: ${why}`, 1)
  }
  return new Parser(text, options).parse()
}

const operandStarts: ReadonlySet<TokenType> = new Set([
  'bool',
  'charConstant',
  'complex',
  'dot',
  'field',
  'identifier',
  'number',
  'nil',
  'rawString',
  'string',
  'variable',
  'leftParen',
])

class Parser {
  readonly #name: string
  readonly #functionProblem: ParseOptions['functionProblem']
  readonly #lexer: Lexer
  readonly #trees = new Map<string, TemplateTree>()
  // The tokens pushed back, as a small stack; the first place always holds the last token read,
  // whose line errors show.
  readonly #tokens: Token[] = []
  #peekCount = 0
  #scope: Scope = newScope()
  /** Variables that the pipelines being read will declare. */
  readonly #pending: string[] = []
  #rangeDepth = 0
  #depth = 0
  #actionLine = 0

  constructor(text: string, options: ParseOptions) {
    this.#name = options.name
    this.#functionProblem = options.functionProblem
    this.#lexer = new Lexer(text)
  }

  parse(): ReadonlyMap<string, TemplateTree> {
    const nodes: Node[] = []
    for (;;) {
      const token = this.#peek()
      if (token.type === 'eof') break
      if (token.type === 'leftDelim') {
        const delim = this.#next()
        const word = this.#nextNonSpace()
        if (word.type === 'keyword' && word.text === 'define') {
          this.#definition()
          continue
        }
        this.#backup2(delim)
      }
      const node = this.#textOrAction()
      if (isEnd(node)) this.#fail(`unexpected {{${node.kind}}}`)
      nodes.push(node)
    }
    this.#add(this.#name, { kind: 'list', nodes })
    return this.#trees
  }

  #next(): Token {
    if (this.#peekCount > 0) this.#peekCount--
    else this.#tokens[0] = this.#lexer.next()
    return this.#tokens[this.#peekCount]!
  }

  #backup(): void {
    this.#peekCount++
  }

  #backup2(before: Token): void {
    this.#tokens[1] = before
    this.#peekCount = 2
  }

  #backup3(first: Token, second: Token): void {
    this.#tokens[1] = second
    this.#tokens[2] = first
    this.#peekCount = 3
  }

  #peek(): Token {
    if (this.#peekCount > 0) return this.#tokens[this.#peekCount - 1]!
    this.#peekCount = 1
    this.#tokens[0] = this.#lexer.next()
    return this.#tokens[0]
  }

  #nextNonSpace(): Token {
    for (;;) {
      const token = this.#next()
      if (token.type !== 'space') return token
    }
  }

  #peekNonSpace(): Token {
    const token = this.#nextNonSpace()
    this.#backup()
    return token
  }

  #fail(why: string, options?: ErrorOptions): never {
    const line = this.#tokens[0]?.line ?? 1
    throw new TemplateSyntaxError(`template: ${this.#name}:${line}: ${why}`, line, options)
  }

  #expect(type: TokenType, context: string): Token {
    const token = this.#nextNonSpace()
    if (token.type !== type) this.#unexpected(token, context)
    return token
  }

  #unexpected(token: Token, context: string): never {
    if (token.type !== 'error') this.#fail(`unexpected ${describe(token)} in ${context}`)
    if (this.#actionLine === 0 || this.#actionLine === token.line) this.#fail(token.text)
    const place = `started at ${this.#name}:${this.#actionLine}`
    this.#fail(`${token.text}${token.text.endsWith(' action') ? '' : ' in action'} ${place}`)
  }

  #enter(): void {
    this.#depth++
    if (this.#depth > templateLimits.syntaxDepthMax) this.#fail('max expression depth exceeded')
  }

  #add(name: string, root: ListNode): void {
    const known = this.#trees.get(name)
    if (known && !isEmptyTree(known.root)) {
      if (!isEmptyTree(root)) {
        this.#fail(`template: multiple definition of template ${JSON.stringify(name)}`)
      }
      return
    }
    this.#trees.set(name, { name, root, slotCount: this.#scope.slotCount })
  }

  /** Parses the body of a template of its own, which sees no variables of the one around it. */
  #separate(name: string, context: string): void {
    const outer = this.#scope
    const outerRangeDepth = this.#rangeDepth
    this.#scope = newScope()
    this.#rangeDepth = 0
    const { list, end } = this.#itemList()
    if (end.kind !== 'end') this.#fail(`unexpected {{${end.kind}}} in ${context}`)
    this.#add(name, list)
    this.#scope = outer
    this.#rangeDepth = outerRangeDepth
  }

  #definition(): void {
    const context = 'define clause'
    const token = this.#nextNonSpace()
    const name = this.#templateName(token, context)
    this.#expect('rightDelim', context)
    this.#separate(name, context)
  }

  #templateName(token: Token, context: string): string {
    if (token.type !== 'string' && token.type !== 'rawString') this.#unexpected(token, context)
    return this.#unquote(token.text)
  }

  #unquote(literal: string): string {
    try {
      return unquoteGoString(literal)
    } catch (error) {
      this.#fail('invalid syntax', { cause: error })
    }
  }

  #itemList(): { readonly list: ListNode; readonly end: EndNode } {
    const nodes: Node[] = []
    while (this.#peekNonSpace().type !== 'eof') {
      const node = this.#textOrAction()
      if (isEnd(node)) return { list: { kind: 'list', nodes }, end: node }
      nodes.push(node)
    }
    this.#fail('unexpected EOF')
  }

  #textOrAction(): Node | EndNode {
    const token = this.#nextNonSpace()
    if (token.type === 'text') return { kind: 'text', pos: token.pos, text: token.text }
    if (token.type !== 'leftDelim') this.#unexpected(token, 'input')
    this.#actionLine = token.line
    this.#enter()
    const node = this.#action()
    this.#depth--
    this.#actionLine = 0
    return node
  }

  #action(): Node | EndNode {
    const token = this.#nextNonSpace()
    if (token.type === 'keyword') {
      switch (token.text) {
        case 'block':
          return this.#block()
        case 'break':
        case 'continue':
          return this.#jump(token.text, token.pos)
        case 'else':
          return this.#else()
        case 'end':
          this.#expect('rightDelim', 'end')
          return { kind: 'end' }
        case 'if':
        case 'range':
        case 'with':
          return this.#branch(token.text)
        case 'template':
          return this.#template()
      }
    }
    this.#backup()
    const { pos } = this.#peek()
    return { kind: 'action', pos, pipe: this.#pipeline('command', 'rightDelim') }
  }

  #jump(kind: 'break' | 'continue', pos: number): Node {
    const token = this.#nextNonSpace()
    if (token.type !== 'rightDelim') this.#unexpected(token, `{{${kind}}}`)
    if (this.#rangeDepth === 0) this.#fail(`{{${kind}}} outside {{range}}`)
    return { kind, pos }
  }

  #else(): EndNode {
    // `else if` and `else with` leave their second word to the branch that they belong to.
    const next = this.#peekNonSpace()
    const isChained = next.type === 'keyword' && (next.text === 'if' || next.text === 'with')
    if (!isChained) this.#expect('rightDelim', 'else')
    return { kind: 'else' }
  }

  #branch(kind: BranchNode['kind']): BranchNode {
    this.#enter()
    const outer = this.#scope.variables
    this.#scope.variables = [...outer]
    const pipe = this.#pipeline(kind, 'rightDelim')
    if (kind === 'range') this.#rangeDepth++
    const { list, end } = this.#itemList()
    if (kind === 'range') this.#rangeDepth--
    const elseList = end.kind === 'else' ? this.#elseList(kind) : undefined
    this.#scope.variables = outer
    this.#depth--
    return { kind, pos: pipe.pos, pipe, list, elseList }
  }

  #elseList(kind: BranchNode['kind']): ListNode {
    const next = this.#peek()
    const isChained = next.type === 'keyword' && next.text === kind && kind !== 'range'
    if (isChained) {
      this.#next()
      return { kind: 'list', nodes: [this.#branch(kind)] }
    }
    const { list, end } = this.#itemList()
    if (end.kind !== 'end') this.#fail(`expected end; found {{${end.kind}}}`)
    return list
  }

  #block(): TemplateNode {
    const context = 'block clause'
    const token = this.#nextNonSpace()
    const name = this.#templateName(token, context)
    const pipe = this.#pipeline(context, 'rightDelim')
    this.#separate(name, context)
    return { kind: 'template', pos: token.pos, name, pipe }
  }

  #template(): TemplateNode {
    const context = 'template clause'
    const token = this.#nextNonSpace()
    const name = this.#templateName(token, context)
    if (this.#nextNonSpace().type === 'rightDelim') {
      return { kind: 'template', pos: token.pos, name, pipe: undefined }
    }
    this.#backup()
    return { kind: 'template', pos: token.pos, name, pipe: this.#pipeline(context, 'rightDelim') }
  }

  #pipeline(context: string, end: TokenType): PipeNode {
    const { pos } = this.#peekNonSpace()
    const { names, isAssign } = this.#declarations(context)
    // What a pipeline declares is seen behind it only: `$x := add $x 1` reads the `$x` before.
    this.#pending.push(...names.map(token => token.text))
    const commands: CommandNode[] = []
    for (;;) {
      const token = this.#nextNonSpace()
      if (token.type === end) break
      if (!operandStarts.has(token.type)) this.#unexpected(token, context)
      this.#backup()
      commands.push(this.#command())
    }
    if (commands.length === 0) this.#fail(`missing value for ${context}`)
    commands.slice(1).forEach((command, index) => {
      const kind = command.args[0]!.kind
      if (
        kind === 'bool' ||
        kind === 'dot' ||
        kind === 'nil' ||
        kind === 'number' ||
        kind === 'string'
      ) {
        this.#fail(`non executable command in pipeline stage ${index + 2}`)
      }
    })
    this.#pending.length -= names.length
    const declared = names.map(token => this.#declare(token, isAssign))
    return { kind: 'pipe', pos, isAssign, declared, commands }
  }

  #declarations(context: string): {
    readonly names: readonly Token[]
    readonly isAssign: boolean
  } {
    const names: Token[] = []
    while (this.#peekNonSpace().type === 'variable') {
      const name = this.#next()
      const after = this.#peek()
      const next = this.#peekNonSpace()
      if (next.type === 'assign' || next.type === 'declare') {
        this.#nextNonSpace()
        return { names: [...names, name], isAssign: next.type === 'assign' }
      }
      if (next.type === 'char' && next.text === ',') {
        this.#nextNonSpace()
        names.push(name)
        if (context !== 'range' || names.length > 1) {
          this.#fail(`too many declarations in ${context}`)
        }
        const { type } = this.#peekNonSpace()
        if (type !== 'variable' && type !== 'rightDelim' && type !== 'rightParen') {
          this.#fail('range can only initialize variables')
        }
        continue
      }
      if (after.type === 'space') this.#backup3(name, after)
      else this.#backup2(name)
      break
    }
    return { names, isAssign: false }
  }

  #declare(token: Token, isAssign: boolean): VariableNode {
    const name = token.text
    // Go takes an assignment to an unknown variable here and fails when it runs.
    const slot = isAssign ? (this.#findVariable(name) ?? unknownSlot) : this.#scope.slotCount++
    this.#scope.variables.push({ name, slot })
    return { kind: 'variable', pos: token.pos, names: [name], slot }
  }

  #findVariable(name: string): number | undefined {
    return this.#scope.variables.findLast(variable => variable.name === name)?.slot
  }

  #useVariable(pos: number, names: readonly string[]): VariableNode {
    const isPending = this.#pending.includes(names[0]!)
    const slot = this.#findVariable(names[0]!) ?? (isPending ? unknownSlot : undefined)
    if (slot === undefined) this.#fail(`undefined variable ${JSON.stringify(names[0])}`)
    return { kind: 'variable', pos, names, slot }
  }

  #command(): CommandNode {
    const { pos } = this.#peekNonSpace()
    const args: Operand[] = []
    for (;;) {
      this.#peekNonSpace()
      const operand = this.#operand()
      if (operand) args.push(operand)
      const token = this.#next()
      if (token.type === 'space') continue
      if (token.type === 'rightDelim' || token.type === 'rightParen') this.#backup()
      else if (token.type !== 'pipe') this.#unexpected(token, 'operand')
      break
    }
    if (args.length === 0) this.#fail('empty command')
    return { kind: 'command', pos, args }
  }

  #operand(): Operand | undefined {
    const term = this.#term()
    if (!term || this.#peek().type !== 'field') return term
    const { pos } = this.#peek()
    const names: string[] = []
    while (this.#peek().type === 'field') names.push(this.#next().text.slice(1))
    switch (term.kind) {
      case 'field':
        return { kind: 'field', pos, names: [...term.names, ...names] }
      case 'variable':
        return { ...term, pos, names: [...term.names, ...names] }
      case 'bool':
      case 'string':
      case 'number':
      case 'nil':
      case 'dot':
        return this.#fail(`unexpected . after term ${JSON.stringify(formatNode(term))}`)
      case 'pipe':
      case 'chain':
      case 'identifier':
        return { kind: 'chain', pos, operand: term, names }
    }
  }

  #term(): Operand | undefined {
    const token = this.#nextNonSpace()
    const { pos, text } = token
    switch (token.type) {
      case 'identifier': {
        const problem = this.#functionProblem(text)
        if (problem !== undefined) this.#fail(problem)
        return { kind: 'identifier', pos, name: text }
      }
      case 'dot':
      case 'nil':
        return { kind: token.type, pos }
      case 'variable':
        return this.#useVariable(pos, [text])
      case 'field':
        return { kind: 'field', pos, names: [text.slice(1)] }
      case 'bool':
        return { kind: 'bool', pos, value: text === 'true' }
      case 'charConstant':
      case 'complex':
      case 'number':
        return this.#number(token)
      case 'leftParen': {
        this.#enter()
        const pipe = this.#pipeline('parenthesized pipeline', 'rightParen')
        this.#depth--
        return pipe
      }
      case 'string':
      case 'rawString':
        return { kind: 'string', pos, quoted: text, text: this.#unquote(text) }
      default:
        this.#backup()
        return undefined
    }
  }

  #number(token: Token): NumberNode {
    try {
      return token.type === 'charConstant'
        ? parseCharConstant(token.text, token.pos)
        : parseNumber(token.text, token.pos)
    } catch (error) {
      if (error instanceof SyntaxError) this.#fail(error.message, { cause: error })
      throw error
    }
  }
}

function newScope(): Scope {
  return { variables: [{ name: '$', slot: 0 }], slotCount: 1 }
}

function isEnd(node: Node | EndNode): node is EndNode {
  return node.kind === 'end' || node.kind === 'else'
}

function isEmptyTree(list: ListNode): boolean {
  return list.nodes.every(node => node.kind === 'text' && node.text.trim() === '')
}

/** Writes a token as Go does in errors. */
function describe(token: Token): string {
  if (token.type === 'eof') return 'EOF'
  if (token.type === 'keyword' || token.type === 'dot' || token.type === 'nil') {
    return `<${token.text}>`
  }
  const { text } = token
  return text.length > 10 ? `${JSON.stringify(text.slice(0, 10))}...` : JSON.stringify(text)
}

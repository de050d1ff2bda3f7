// The syntax tree of a template, and its text for Go's errors. Positions are offsets in UTF-16 units, at the
// same places as in Go.

export interface ListNode {
  readonly kind: 'list'
  readonly nodes: readonly Node[]
}

export interface TextNode {
  readonly kind: 'text'
  readonly pos: number
  readonly text: string
}

export interface ActionNode {
  readonly kind: 'action'
  readonly pos: number
  readonly pipe: PipeNode
}

export interface BranchNode {
  readonly kind: 'if' | 'with' | 'range'
  readonly pos: number
  readonly pipe: PipeNode
  readonly list: ListNode
  readonly elseList: ListNode | undefined
}

export interface JumpNode {
  readonly kind: 'break' | 'continue'
  readonly pos: number
}

export interface TemplateNode {
  readonly kind: 'template'
  readonly pos: number
  readonly name: string
  readonly pipe: PipeNode | undefined
}

export interface PipeNode {
  readonly kind: 'pipe'
  readonly pos: number
  readonly isAssign: boolean
  readonly declared: readonly VariableNode[]
  readonly commands: readonly CommandNode[]
}

export interface CommandNode {
  readonly kind: 'command'
  readonly pos: number
  readonly args: readonly Operand[]
}

export interface FieldNode {
  readonly kind: 'field'
  readonly pos: number
  readonly names: readonly string[]
}

export interface ChainNode {
  readonly kind: 'chain'
  readonly pos: number
  readonly operand: Operand
  readonly names: readonly string[]
}

export interface VariableNode {
  readonly kind: 'variable'
  readonly pos: number
  /** The variable with its `$`, then the fields after it. */
  readonly names: readonly string[]
  /** Index among the variables of the template. `$` is 0. See `unknownSlot`. */
  readonly slot: number
}

/** Slot of a variable whose absence only shows at run time. */
export const unknownSlot = -1

export interface IdentifierNode {
  readonly kind: 'identifier'
  readonly pos: number
  readonly name: string
}

export interface NumberNode {
  readonly kind: 'number'
  readonly pos: number
  readonly text: string
  /** The value, if it is or can be an int. */
  readonly int: bigint | undefined
  readonly float: number
  /** Whether the number is a float where no type is required. */
  readonly isFloat: boolean
}

export interface StringNode {
  readonly kind: 'string'
  readonly pos: number
  readonly quoted: string
  readonly text: string
}

export interface BoolNode {
  readonly kind: 'bool'
  readonly pos: number
  readonly value: boolean
}

export interface WordNode {
  readonly kind: 'dot' | 'nil'
  readonly pos: number
}

export type Operand =
  | PipeNode
  | FieldNode
  | ChainNode
  | VariableNode
  | IdentifierNode
  | NumberNode
  | StringNode
  | BoolNode
  | WordNode

export type Node = TextNode | ActionNode | BranchNode | JumpNode | TemplateNode

/** Every node that an error may refer to. */
export type AnyNode = Node | Operand | CommandNode

/** One template of a text: the text itself, or a `define` or `block` in it. */
export interface TemplateTree {
  readonly name: string
  readonly root: ListNode
  /** Number of variables, including `$`. */
  readonly slotCount: number
}

/** Writes a node the way Go writes it in errors. */
export function formatNode(node: AnyNode | ListNode): string {
  switch (node.kind) {
    case 'list':
      return node.nodes.map(formatNode).join('')
    case 'text':
      return node.text
    case 'action':
      return `{{${formatNode(node.pipe)}}}`
    case 'break':
    case 'continue':
      return `{{${node.kind}}}`
    case 'if':
    case 'with':
    case 'range': {
      const start = `{{${node.kind} ${formatNode(node.pipe)}}}${formatNode(node.list)}`
      return `${start}${node.elseList ? `{{else}}${formatNode(node.elseList)}` : ''}{{end}}`
    }
    case 'template': {
      const pipe = node.pipe ? ` ${formatNode(node.pipe)}` : ''
      return `{{template ${JSON.stringify(node.name)}${pipe}}}`
    }
    case 'pipe':
      return formatPipe(node)
    case 'command':
      return node.args.map(formatOperand).join(' ')
    case 'field':
      return node.names.map(name => `.${name}`).join('')
    case 'chain':
      return formatOperand(node.operand) + node.names.map(name => `.${name}`).join('')
    case 'variable':
      return node.names.join('.')
    case 'identifier':
      return node.name
    case 'number':
      return node.text
    case 'string':
      return node.quoted
    case 'bool':
      return String(node.value)
    case 'dot':
      return '.'
    case 'nil':
      return 'nil'
  }
}

function formatPipe(node: PipeNode): string {
  const declared = node.declared.map(formatNode).join(', ')
  const operator = node.isAssign ? ' = ' : ' := '
  const commands = node.commands.map(formatNode).join(' | ')
  return declared === '' ? commands : declared + operator + commands
}

function formatOperand(node: Operand): string {
  return node.kind === 'pipe' ? `(${formatNode(node)})` : formatNode(node)
}

/** Counts the nodes of a list, to estimate the cost of running it. */
export function countNodes(list: ListNode): number {
  let count = 0
  for (const node of list.nodes) {
    count++
    if ('pipe' in node && node.pipe) count += countOperand(node.pipe)
    if ('list' in node) count += countNodes(node.list)
    if ('elseList' in node && node.elseList) count += countNodes(node.elseList)
  }
  return count
}

function countOperand(node: Operand): number {
  if (node.kind === 'chain') return 1 + countOperand(node.operand)
  if (node.kind !== 'pipe') return 1
  let count = 1
  for (const command of node.commands) for (const arg of command.args) count += countOperand(arg)
  return count
}

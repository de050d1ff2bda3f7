// Compiles syntax trees to closures, once per template. Each closure records its node where Go does, so that
// errors point to the same place.

import { templateLimits } from '../limits.ts'
import {
  type Call,
  checked,
  checkType,
  constantArg,
  constantOf,
  type Eval,
  needNoArgs,
  noFinal,
} from './arguments.ts'
import type {
  BranchNode,
  ChainNode,
  CommandNode,
  FieldNode,
  IdentifierNode,
  ListNode,
  Node,
  Operand,
  PipeNode,
  TemplateNode,
  TemplateTree,
  VariableNode,
} from './ast.ts'
import { countNodes, formatNode, unknownSlot } from './ast.ts'
import { builtinFunctions } from './builtins.ts'
import { type FunctionTable, paramTypeNames } from './function.ts'
import { findMethod } from './methods.ts'
import { printValue } from './print.ts'
import type { Run } from './run.ts'
import {
  GoInt,
  GoList,
  GoMap,
  isTrue,
  type ParamType,
  type TemplateFunction,
  typeName,
  type Value,
} from './values.ts'

/** What a list tells the loop around it to do. */
const goOn = 0
const breakLoop = 1
const continueLoop = 2
type Signal = typeof goOn | typeof breakLoop | typeof continueLoop

export type Exec = (run: Run, dot: Value) => Signal
export interface CompileOptions {
  readonly functions: FunctionTable
  readonly trees: ReadonlyMap<string, TemplateTree>
  /** Whether a missing map key is the zero of its type instead of no value. */
  readonly isMissingZero: boolean
  readonly canRangeIntegers: boolean
}

/** Compiles a template of a text. */
export function compileTree(tree: TemplateTree, options: CompileOptions): Exec {
  return new Compiler(options).tree(tree)
}

// Holds state shared by the nodes of one text: the functions, and the templates that call each other.
class Compiler {
  readonly #options: CompileOptions
  readonly #compiled = new Map<string, { exec: Exec | undefined }>()

  constructor(options: CompileOptions) {
    this.#options = options
  }

  tree(tree: TemplateTree): Exec {
    return this.#list(tree.root)
  }

  #list(list: ListNode): Exec {
    const steps = list.nodes.map(node => this.#node(node))
    if (steps.length === 1) return steps[0]!
    return (run, dot) => {
      for (let i = 0; i < steps.length; i++) {
        const signal = steps[i]!(run, dot)
        if (signal !== goOn) return signal
      }
      return goOn
    }
  }

  #node(node: Node): Exec {
    switch (node.kind) {
      case 'text':
        return run => {
          run.node = node
          run.write(node.text)
          return goOn
        }
      case 'action': {
        const pipe = this.#pipe(node.pipe)
        const isPrinted = node.pipe.declared.length === 0
        return (run, dot) => {
          run.node = node
          const value = pipe(run, dot, noFinal)
          if (!isPrinted) return goOn
          run.node = node
          if (typeof value === 'string') run.write(value)
          else run.write(value === undefined || value === null ? '<no value>' : printValue(value))
          return goOn
        }
      }
      case 'if':
      case 'with':
        return this.#branch(node)
      case 'range':
        return this.#range(node)
      case 'template':
        return this.#template(node)
      case 'break':
        return () => breakLoop
      case 'continue':
        return () => continueLoop
    }
  }

  #branch(node: BranchNode): Exec {
    const pipe = this.#pipe(node.pipe)
    const then = this.#list(node.list)
    const otherwise = node.elseList ? this.#list(node.elseList) : undefined
    const isWith = node.kind === 'with'
    return (run, dot) => {
      run.node = node
      const value = pipe(run, dot, noFinal)
      if (isTrue(value)) return then(run, isWith ? value : dot)
      return otherwise ? otherwise(run, dot) : goOn
    }
  }

  #range(node: BranchNode): Exec {
    const pipe = this.#pipe(node.pipe)
    const body = this.#list(node.list)
    const otherwise = node.elseList ? this.#list(node.elseList) : undefined
    const slots = node.pipe.declared.map(variable => variable.slot)
    const elementSlot = slots.at(-1)
    const indexSlot = slots.length > 1 ? slots[0] : undefined
    const nodeCount = countNodes(node.list)
    const round = (run: Run, index: Value, element: Value): Signal => {
      run.countRound(nodeCount)
      if (elementSlot !== undefined) run.vars[elementSlot] = element
      if (indexSlot !== undefined) run.vars[indexSlot] = index
      return body(run, element)
    }
    return (run, dot) => {
      run.node = node
      const value = pipe(run, dot, noFinal)
      const rounds = this.#rounds(value, run, indexSlot !== undefined)
      let isEmpty = true
      for (const [index, element] of rounds) {
        isEmpty = false
        if (round(run, index, element) === breakLoop) break
      }
      return isEmpty && otherwise ? otherwise(run, dot) : goOn
    }
  }

  #rounds(value: Value, run: Run, hasIndex: boolean): Iterable<readonly [Value, Value]> {
    if (value === undefined || value === null) return []
    if (value instanceof GoList) return listRounds(value)
    if (value instanceof GoMap) return value.sorted()
    const integer = typeof value === 'bigint' || value instanceof GoInt
    if (!integer || !this.#options.canRangeIntegers) {
      run.fail(`range can't iterate over ${printValue(value)}`)
    }
    if (hasIndex) run.fail(`can't use ${printValue(value)} to iterate over more than one variable`)
    return integerRounds(value)
  }

  #template(node: TemplateNode): Exec {
    const tree = this.#options.trees.get(node.name)
    const pipe = node.pipe ? this.#pipe(node.pipe) : undefined
    if (!tree) {
      return run => {
        run.node = node
        return run.fail(`template ${JSON.stringify(node.name)} not defined`)
      }
    }
    const called = this.#called(tree)
    const nodeCount = countNodes(tree.root)
    return (run, dot) => {
      run.node = node
      run.countRound(nodeCount)
      const { vars, templateName, depth } = run
      if (depth >= templateLimits.callDepthMax) {
        run.fail(`exceeded maximum template depth (${templateLimits.callDepthMax})`)
      }
      const value = pipe?.(run, dot, noFinal)
      run.vars = new Array<Value>(tree.slotCount)
      run.vars[0] = value
      run.templateName = tree.name
      run.depth = depth + 1
      called.exec!(run, value)
      run.vars = vars
      run.templateName = templateName
      run.depth = depth
      return goOn
    }
  }

  /** Compiles a template that others call, once. It may call itself. */
  #called(tree: TemplateTree): { exec: Exec | undefined } {
    const known = this.#compiled.get(tree.name)
    if (known) return known
    const entry: { exec: Exec | undefined } = { exec: undefined }
    this.#compiled.set(tree.name, entry)
    entry.exec = this.#list(tree.root)
    return entry
  }

  #pipe(node: PipeNode): Eval {
    const commands = node.commands.map(command => this.#command(command))
    const evaluate = pipeline(node, commands)
    if (node.declared.length === 0) return evaluate
    const slots = node.declared.map(variable => variable.slot)
    return (run, dot) => {
      const value = evaluate(run, dot, noFinal)
      slots.forEach((slot, index) => {
        if (slot === unknownSlot) run.fail(`undefined variable: ${node.declared[index]!.names[0]}`)
        run.vars[slot] = value
      })
      return value
    }
  }

  #command(command: CommandNode): Eval {
    const first = command.args[0]!
    switch (first.kind) {
      case 'field':
        return this.#field(first, command.args)
      case 'chain':
        return this.#chain(first, command.args)
      case 'identifier':
        return this.#function(first, command, command.args)
      case 'variable':
        return this.#variable(first, command.args)
      case 'pipe': {
        const pipe = this.#pipe(first)
        return (run, dot, final) => {
          needNoArgs(run, command.args, final)
          return pipe(run, dot, noFinal)
        }
      }
      case 'nil':
        return run => {
          run.node = first
          run.fail('nil is not a command')
        }
      case 'dot':
        return (run, dot, final) => {
          run.node = first
          needNoArgs(run, command.args, final)
          return dot
        }
      case 'bool':
      case 'string':
      case 'number': {
        const constant = constantOf(first)
        return (run, _dot, final) => {
          run.node = first
          needNoArgs(run, command.args, final)
          return constant(run)
        }
      }
    }
  }

  #field(node: FieldNode, args: readonly Operand[]): Eval {
    const chain = this.#fieldChain(node, node.names, args)
    return (run, dot, final) => {
      run.node = node
      return chain(run, dot, final, dot)
    }
  }

  #chain(node: ChainNode, args: readonly Operand[]): Eval {
    if (node.operand.kind === 'nil') {
      return run => {
        run.node = node
        run.fail(`indirection through explicit nil in ${formatNode(node)}`)
      }
    }
    const operand = this.#arg(node.operand, 'any')
    const chain = this.#fieldChain(node, node.names, args)
    return (run, dot, final) => {
      run.node = node
      const value = operand(run, dot, noFinal)
      return chain(run, dot, final, value ?? undefined)
    }
  }

  #variable(node: VariableNode, args: readonly Operand[]): Eval {
    const { slot } = node
    const read = (run: Run): Value => {
      run.node = node
      if (slot === unknownSlot) run.fail(`undefined variable: ${node.names[0]}`)
      return run.vars[slot]
    }
    if (node.names.length === 1) {
      return (run, _dot, final) => {
        const value = read(run)
        needNoArgs(run, args, final)
        return value
      }
    }
    const chain = this.#fieldChain(node, node.names.slice(1), args)
    return (run, dot, final) => chain(run, dot, final, read(run))
  }

  /** Evaluates `.a.b.c` on a receiver. The last name may be a method with arguments. */
  #fieldChain(
    node: FieldNode | ChainNode | VariableNode,
    names: readonly string[],
    args: readonly Operand[],
  ): Call {
    const isZero = this.#options.isMissingZero
    const last = names.length - 1
    const hasArgs = args.length > 1
    const calls = new Map<TemplateFunction, Call>()
    const findCall = (run: Run, receiver: Value, index: number, isInterface: boolean) => {
      const name = names[index]!
      const method = findMethod(receiver, name)
      if (!method) {
        if (receiver === null) run.fail(`nil pointer evaluating interface {}.${name}`)
        const type = isInterface ? 'interface {}' : typeName(receiver)
        return run.fail(`can't evaluate field ${name} in type ${type}`)
      }
      const known = calls.get(method)
      if (known) return known
      const methodArgs = index === last ? args.slice(1) : []
      const call = this.#call(method, { name, node, args: methodArgs, isMethod: true })
      calls.set(method, call)
      return call
    }
    return (run, dot, final, receiver) => {
      let value = receiver
      // Whether Go sees the value as an item of a `map[string]any`.
      let isInterface = false
      for (let i = 0; i <= last; i++) {
        const name = names[i]!
        if (value === undefined) return undefined
        if (value instanceof GoMap) {
          if (i === last && (hasArgs || final !== noFinal)) {
            run.fail(`${name} is not a method but has arguments`)
          }
          const found: Value = value.get(name)
          isInterface = value.itemType === 'interface {}'
          // A missing key in a map of texts is the empty text or no value.
          if (found !== undefined) value = found
          else if (isZero) value = value.itemType === 'string' ? '' : null
          else value = undefined
        } else {
          const call = findCall(run, value, i, isInterface)
          value = call(run, dot, i === last ? final : noFinal, value)
          isInterface = false
        }
      }
      return value
    }
  }

  #function(
    node: IdentifierNode,
    callNode: CommandNode | IdentifierNode,
    args: readonly Operand[],
  ): Eval {
    const { name } = node
    const own = this.#options.functions[name]
    if (!own && (name === 'and' || name === 'or')) return this.#shortCircuit(node, args.slice(1))
    if (!own && name === 'call') return this.#callFunction(node, callNode, args)
    const call = this.#call(own ?? builtinFunctions[name]!, {
      name,
      node: callNode,
      args: args.slice(1),
      isMethod: false,
    })
    return (run, dot, final) => {
      run.node = node
      return call(run, dot, final)
    }
  }

  #callFunction(
    node: IdentifierNode,
    callNode: CommandNode | IdentifierNode,
    args: readonly Operand[],
  ): Eval {
    const callee = args[1] ? this.#arg(args[1], 'value') : undefined
    return (run, dot, final) => {
      run.node = node
      if (!callee && final === noFinal) {
        run.fail('wrong number of args for call: want at least 1 got 0')
      }
      const value = callee ? callee(run, dot, noFinal) : (final as Value)
      const shown = args[1] ? formatNode(args[1]) : printValue(value)
      run.node = callNode
      if (value === undefined || value === null) run.fail('error calling call: call of nil')
      return run.fail(`error calling call: non-function ${shown} of type ${typeName(value)}`)
    }
  }

  #shortCircuit(node: IdentifierNode, args: readonly Operand[]): Eval {
    const { name } = node
    const evaluated = args.map(arg => this.#arg(arg, 'value'))
    return (run, dot, final) => {
      run.node = node
      if (evaluated.length === 0 && final === noFinal) {
        run.fail(`wrong number of args for ${name}: want at least 1 got 0`)
      }
      let value: Value
      for (const arg of evaluated) {
        value = arg(run, dot, noFinal)
        if (isTrue(value) === (name === 'or')) return value
      }
      return final === noFinal ? value : final
    }
  }

  #call(
    called: TemplateFunction,
    site: {
      readonly name: string
      readonly node: CommandNode | IdentifierNode | FieldNode | ChainNode | VariableNode
      readonly args: readonly Operand[]
      readonly isMethod: boolean
    },
  ): Call {
    const { name, node, isMethod } = site
    // The first parameter of a method's function is its receiver.
    const params = isMethod ? called.params.slice(1) : called.params
    const { rest } = called
    const args = site.args.map((arg, index) => {
      const type = params[index] ?? rest
      return type === undefined ? undefined : this.#arg(arg, type)
    })
    return (run, dot, final, receiver) => {
      const count = args.length + (final === noFinal ? 0 : 1)
      if (rest === undefined ? count !== params.length : count < params.length) {
        const wanted = `${rest === undefined ? '' : 'at least '}${params.length}`
        run.fail(`wrong number of args for ${name}: want ${wanted} got ${count}`)
      }
      const values: Value[] = isMethod ? [receiver] : []
      for (const arg of args) values.push(arg!(run, dot, noFinal))
      if (final !== noFinal) {
        values.push(checkType(final, params[args.length] ?? rest!, run))
      }
      for (const value of values) run.countWork(value)
      let result: Value
      try {
        result = called.call(values, run)
      } catch (error) {
        run.failCall(name, node, error)
      }
      run.countWork(result)
      return result
    }
  }

  /** Returns an argument for a parameter of a type. */
  #arg(node: Operand, type: ParamType): Eval {
    switch (node.kind) {
      case 'dot':
        return checked(node, type, (_run, dot) => dot)
      case 'nil':
        return run => {
          run.node = node
          if (type === 'any') return null
          if (type === 'value') return undefined
          if (type === 'map') return new GoMap(new Map())
          return run.fail(`cannot assign nil to ${paramTypeNames[type]}`)
        }
      case 'field':
        return checked(node, type, this.#field(node, [node]))
      case 'variable':
        return checked(node, type, this.#variable(node, []))
      case 'pipe':
        return checked(node, type, this.#pipe(node))
      case 'identifier':
        return checked(node, type, this.#function(node, node, []))
      case 'chain':
        return checked(node, type, this.#chain(node, []))
      case 'bool':
      case 'string':
      case 'number':
        return constantArg(node, type)
    }
  }
}

function pipeline(node: PipeNode, commands: readonly Eval[]): Eval {
  const first = commands[0]!
  if (commands.length === 1) {
    return (run, dot) => {
      run.node = node
      return first(run, dot, noFinal) ?? undefined
    }
  }
  return (run, dot) => {
    run.node = node
    let value: Value = first(run, dot, noFinal) ?? undefined
    for (let i = 1; i < commands.length; i++) value = commands[i]!(run, dot, value) ?? undefined
    return value
  }
}

function* listRounds(list: GoList): Generator<readonly [Value, Value]> {
  for (let i = 0; i < list.items.length; i++) yield [BigInt(i), list.items[i]]
}

function* integerRounds(value: bigint | GoInt): Generator<readonly [Value, Value]> {
  const end = typeof value === 'bigint' ? value : value.value
  for (let i = 0n; i < end; i++) {
    yield [undefined, typeof value === 'bigint' ? i : new GoInt(value.type, i)]
  }
}

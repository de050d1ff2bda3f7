// Finds what a template may read of its data, without running it. Queries extract nothing else.

import type { ListNode, Operand, PipeNode, TemplateTree } from './ast.ts'

export interface TemplateNeeds {
  /** Names of the fields it may read; `undefined` if it may read any. */
  readonly fields: ReadonlySet<string> | undefined
  /** Names of the functions it may call. */
  readonly functions: ReadonlySet<string>
}

/** Returns what a named template needs, including all templates in its text. */
export function templateNeeds(
  trees: ReadonlyMap<string, TemplateTree>,
  name: string,
): TemplateNeeds {
  const search = new NeedsSearch()
  for (const tree of trees.values()) search.list(tree.root, tree.name === name)
  return { fields: search.isAll ? undefined : search.fields, functions: search.functions }
}

// Collects needs during a walk. `isRoot` means that `.` is the data itself.
class NeedsSearch {
  readonly fields = new Set<string>()
  readonly functions = new Set<string>()
  isAll = false

  list(list: ListNode, isRoot: boolean): void {
    for (const node of list.nodes) {
      if (node.kind === 'action' || node.kind === 'template') {
        if (node.pipe) this.#pipe(node.pipe, isRoot)
      } else if (node.kind === 'if' || node.kind === 'with' || node.kind === 'range') {
        this.#pipe(node.pipe, isRoot)
        this.list(node.list, isRoot && node.kind === 'if')
        if (node.elseList) this.list(node.elseList, isRoot)
      }
    }
  }

  #pipe(pipe: PipeNode, isRoot: boolean): void {
    for (const command of pipe.commands) {
      for (const arg of command.args) this.#operand(arg, isRoot)
    }
  }

  #operand(node: Operand, isRoot: boolean): void {
    switch (node.kind) {
      case 'pipe':
        this.#pipe(node, isRoot)
        return
      case 'field':
        if (isRoot) this.fields.add(node.names[0]!)
        return
      case 'chain':
        this.#operand(node.operand, isRoot)
        return
      case 'variable':
        if (node.slot !== 0) return
        if (node.names.length === 1) this.isAll = true
        else this.fields.add(node.names[1]!)
        return
      case 'identifier':
        this.functions.add(node.name)
        return
      case 'dot':
        if (isRoot) this.isAll = true
        return
      case 'number':
      case 'string':
      case 'bool':
      case 'nil':
        return
    }
  }
}

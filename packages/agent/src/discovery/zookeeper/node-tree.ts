// Keeps the nodes below some paths up to date over one session. A changed node is read again, with a watch
// for its next change. A node that cannot be read is retried after a while.

import { ascending } from '@skald/wire'
import { unreadableNodesNamedMax, zookeeperReadsMax } from '../../limits.ts'
import type { TargetGroup } from '../target-group.ts'
import type { ZookeeperSession } from './session.ts'

/** How much of the nodes to keep, so that a path too close to the root does not fill the memory. */
export interface TreeLimits {
  readonly nodeCountMax: number
  /** For the data of one node. ZooKeeper's own default limit. */
  readonly nodeBytesMax: number
  /** For all paths, and the data of all members. */
  readonly treeBytesMax: number
}

export interface NodeTreeOptions {
  readonly session: Pick<ZookeeperSession, 'getData' | 'getChildren' | 'exists' | 'isOpen'>
  /** Roots of the trees. One may lie inside another. */
  readonly paths: readonly string[]
  /** Turns a node's data into a group. Returns `undefined` if the node is not a member. */
  readonly readGroup: (path: string, data: Buffer) => TargetGroup | undefined
  /** Called once everything has been read, and then after changes. */
  readonly onChange: () => void
  readonly limits: TreeLimits
  /** How long to wait before a failed read is retried. */
  readonly retryMs: number
}

interface TreeNode {
  readonly path: string
  /** A root is kept even if it does not exist. */
  readonly isRoot: boolean
  readonly pathBytes: number
  /** Paths of the children. */
  children: ReadonlySet<string>
  group: TargetGroup | undefined
  /** Size of the data the group was made from. */
  dataBytes: number
  /** True after any answer: an error and a missing node count too. */
  isAnswered: boolean
  /** True if the node existed at some time in this session. */
  wasSeen: boolean
  problems: readonly string[]
}

/** Follows the nodes. */
export class NodeTree {
  readonly #options: NodeTreeOptions
  readonly #nodes = new Map<string, TreeNode>()
  /** Nodes to read, in this order. */
  readonly #wanted = new Set<TreeNode>()
  readonly #reading = new Set<TreeNode>()
  readonly #troubled = new Set<TreeNode>()
  #unansweredCount = 0
  #bytes = 0
  #hasChanged = true
  #timer: NodeJS.Timeout | undefined

  constructor(options: NodeTreeOptions) {
    this.#options = options
  }

  start(): void {
    const { paths, retryMs } = this.#options
    for (const path of paths) if (!this.#nodes.has(path)) this.#add(path, true)
    this.#timer = setInterval(() => {
      for (const node of this.#troubled) this.#want(node)
    }, retryMs)
  }

  /** Takes note that the node at a path has changed. */
  noteChange(path: string): void {
    const node = this.#nodes.get(path)
    if (node) this.#want(node)
  }

  /** Returns the groups of all members, by path. */
  groups(): Map<string, TargetGroup> {
    const groups = new Map<string, TargetGroup>()
    for (const { path, group } of this.#nodes.values()) if (group) groups.set(path, group)
    return groups
  }

  /** Returns the paths of nodes that this session has not been able to read yet. */
  unseenPaths(): Set<string> {
    const unseen = [...this.#troubled].filter(({ wasSeen }) => !wasSeen)
    return new Set(unseen.map(({ path }) => path))
  }

  /** What is not followed, and why. */
  get problem(): string | undefined {
    const all = [...this.#troubled].sort((a, b) => ascending(a.path, b.path))
    if (all.length === 0) return undefined
    const named = all
      .slice(0, unreadableNodesNamedMax)
      .map(({ path, problems }) => `${path}: ${problems.join(', ')}`)
    if (all.length > unreadableNodesNamedMax)
      named.push(`and ${all.length - unreadableNodesNamedMax} nodes more`)
    return named.join('; ')
  }

  /** Stops reading. */
  stop(): void {
    clearInterval(this.#timer)
    this.#nodes.clear()
    this.#wanted.clear()
    this.#troubled.clear()
  }

  #add(path: string, isRoot: boolean): void {
    const node: TreeNode = {
      ...{ path, isRoot, pathBytes: Buffer.byteLength(path), children: new Set() },
      ...{ group: undefined, dataBytes: 0, isAnswered: false, wasSeen: false, problems: [] },
    }
    this.#nodes.set(path, node)
    this.#bytes += node.pathBytes
    this.#unansweredCount++
    this.#want(node)
  }

  /** Forgets a node and all nodes below it, except roots. */
  #remove(topPath: string): void {
    const paths = [topPath]
    for (const path of paths) {
      const node = this.#nodes.get(path)
      if (!node || node.isRoot) continue
      for (const child of node.children) paths.push(child)
      this.#takeGroup(node, undefined, 0)
      this.#nodes.delete(path)
      this.#wanted.delete(node)
      this.#troubled.delete(node)
      this.#bytes -= node.pathBytes
      this.#noteAnswer(node)
    }
  }

  #noteAnswer(node: TreeNode): void {
    if (!node.isAnswered) this.#unansweredCount--
    node.isAnswered = true
  }

  #want(node: TreeNode): void {
    this.#wanted.add(node)
    this.#pump()
  }

  #pump(): void {
    if (!this.#options.session.isOpen) return
    for (const node of this.#wanted) {
      if (this.#reading.size >= zookeeperReadsMax) return
      // It changed while being read: read it again afterwards.
      if (this.#reading.has(node)) continue
      this.#wanted.delete(node)
      this.#reading.add(node)
      void this.#read(node).then(() => this.#settle(node))
    }
  }

  #settle(node: TreeNode): void {
    this.#reading.delete(node)
    if (this.#nodes.get(node.path) === node) this.#noteAnswer(node)
    this.#pump()
    if (!this.#options.session.isOpen || !this.#hasChanged || this.#unansweredCount > 0) return
    this.#hasChanged = false
    this.#options.onChange()
  }

  async #read(node: TreeNode): Promise<void> {
    const { session } = this.#options
    const { path } = node
    const [data, names] = await Promise.allSettled([
      session.getData(path),
      session.getChildren(path),
    ])
    // The session may have ended, or the node may have gone meanwhile.
    if (!session.isOpen || this.#nodes.get(path) !== node) return
    const isGone = [data, names].some(it => it.status === 'fulfilled' && it.value === undefined)
    if (isGone) return this.#miss(node)
    const problems: (string | undefined)[] = []
    if (data.status === 'fulfilled') problems.push(this.#takeData(node, data.value!))
    else problems.push((data.reason as Error).message)
    if (names.status === 'fulfilled') problems.push(this.#takeChildren(node, names.value!))
    else problems.push((names.reason as Error).message)
    if (data.status === 'fulfilled' && names.status === 'fulfilled') node.wasSeen = true
    this.#takeProblems(node, problems)
  }

  /** Handles a missing node. Its parent reports when it returns; a root has to be asked for. */
  async #miss(node: TreeNode): Promise<void> {
    if (!node.isRoot) return this.#remove(node.path)
    const { session } = this.#options
    this.#takeGroup(node, undefined, 0)
    this.#takeChildren(node, [])
    try {
      if (await session.exists(node.path)) this.#want(node)
      else this.#takeProblems(node, ['does not exist'])
    } catch (error) {
      this.#takeProblems(node, [(error as Error).message])
    }
  }

  /** Returns the reason if the data was not accepted. */
  #takeData(node: TreeNode, data: Buffer): string | undefined {
    const { nodeBytesMax, treeBytesMax } = this.#options.limits
    const isTooLong = data.length > nodeBytesMax
    const group = isTooLong ? undefined : this.#options.readGroup(node.path, data)
    const isTooMuch = group && this.#bytes - node.dataBytes + data.length > treeBytesMax
    this.#takeGroup(node, isTooMuch ? undefined : group, data.length)
    if (isTooLong)
      return `its data has ${data.length} bytes, more than the limit of ${nodeBytesMax}`
    if (!isTooMuch) return undefined
    return `is left out: the members have more than the limit of ${treeBytesMax} bytes`
  }

  #takeGroup(node: TreeNode, group: TargetGroup | undefined, dataBytes: number): void {
    const bytes = group ? dataBytes : 0
    this.#bytes += bytes - node.dataBytes
    node.dataBytes = bytes
    if (node.group !== group) this.#hasChanged = true
    node.group = group
  }

  /** Returns the reason if some children were not accepted. */
  #takeChildren(node: TreeNode, names: readonly string[]): string | undefined {
    const { nodeCountMax, treeBytesMax } = this.#options.limits
    const before = node.children
    const base = node.path === '/' ? '/' : `${node.path}/`
    const paths = new Set(names.toSorted().map(name => base + name))
    for (const path of before) if (!paths.has(path)) this.#remove(path)
    let leftOutCount = 0
    for (const path of paths) {
      if (this.#nodes.has(path)) continue
      const bytes = this.#bytes + Buffer.byteLength(path)
      const isFull = this.#nodes.size >= nodeCountMax || bytes > treeBytesMax
      if (isFull) {
        paths.delete(path)
        leftOutCount++
      } else this.#add(path, false)
    }
    node.children = paths
    if (leftOutCount === 0) return undefined
    const limits = `${nodeCountMax} nodes or ${treeBytesMax} bytes`
    return `${leftOutCount} of its children are left out: the limit of ${limits} is reached`
  }

  #takeProblems(node: TreeNode, found: readonly (string | undefined)[]): void {
    const problems = [...new Set(found.filter(problem => problem !== undefined))]
    if (this.#nodes.get(node.path) !== node) return
    // Listeners to changes check the problems too.
    if (problems.join() !== node.problems.join()) this.#hasChanged = true
    node.problems = problems
    if (problems.length > 0) this.#troubled.add(node)
    else this.#troubled.delete(node)
  }
}

// Names that senders bring, and whether they are fit to be labels.

/** Whether a name has an id, as those of containers: a label of such names has more and more values. */
export function hasId(name: string): boolean {
  return /[0-9a-f]{12}/.test(name)
}

// The part of fs-native-extensions that is used; the package has no types of its own.
declare module 'fs-native-extensions' {
  /** Takes an exclusive lock of the file's open description; `false` when another has it. */
  export function tryLock(descriptor: number): boolean
}

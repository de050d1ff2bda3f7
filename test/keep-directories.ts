// tap removes the directory of a test before the test's teardowns run, so an agent or a store that a teardown stops
// still writes there. Then the removal fails on a busy machine (ENOTEMPTY). So a test's directory stays until the test
// runs again. `.taprc` says the same, but only to the runner; this is for a file that Node runs directly.

process.env.TAP_SAVE_FIXTURE ??= '1'

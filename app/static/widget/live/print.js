// Paper shows all branches.
const printing = (root, options) => {
  let closed = []
  const open = state => () => closed.forEach(branch => { branch.open = state })
  addEventListener('beforeprint', () => { closed = [...root.querySelectorAll('.branch:not([open])')] }, options)
  addEventListener('beforeprint', open(true), options)
  addEventListener('afterprint', open(false), options)
}

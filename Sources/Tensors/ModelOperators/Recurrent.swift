import CKernels

extension Tensor {
  /// The gates of a gated recurrent unit (Cho and others 2014, in PyTorch's convention).
  ///
  /// r = s(i_r + h_r), z = s(i_z + h_z), n = tanh(i_n + r h_n), h' = (1 - z) n + z h, where i and h
  /// are the projections of input and state, in the order r, z, n.
  ///
  /// - Parameters:
  ///   - inputs: W_ih x + b_ih, [rows, 3 width].
  ///   - hidden: W_hh h + b_hh, [rows, 3 width].
  ///   - state: h, [rows, width].
  /// - Returns: h', [rows, width].
  package static func gruGates(inputs: Tensor, hidden: Tensor, state: Tensor) -> Tensor {
    expectSameDType("gruGates", inputs, hidden, state)
    expect(
      state.rank == 2 && inputs.shape == [state.shape[0], 3 * state.shape[1]]
        && hidden.shape == inputs.shape,
      "gruGates needs projections [rows, 3 width] and a state [rows, width], not \(inputs.shape), "
        + "\(hidden.shape) and \(state.shape)")
    let (rows, width) = (state.shape[0], state.shape[1])
    let gates = Storage(dtype: state.dtype, count: 3 * state.count)
    return Tensor(shape: state.shape, dtype: state.dtype) { out in
      switch state.dtype {
      case .float32:
        ck_gru_gates_f32(
          inputs.storage.f32, hidden.storage.f32, state.storage.f32, out.f32, gates.f32, rows,
          width)
      case .float64:
        ck_gru_gates_f64(
          inputs.storage.f64, hidden.storage.f64, state.storage.f64, out.f64, gates.f64, rows,
          width)
      }
    }.recorded(
      from: [inputs, hidden, state],
      composition: { x in
        let gate = { (projection: Tensor, index: Int) in
          projection.slice(index * width..<(index + 1) * width, alongAxis: 1)
        }
        let r = (gate(x[0], 0) + gate(x[1], 0)).sigmoid()
        let z = (gate(x[0], 1) + gate(x[1], 1)).sigmoid()
        let n = (gate(x[0], 2) + r * gate(x[1], 2)).tanh()
        return n + z * (x[2] - n)
      },
      { v, _, _ in
        let dInputs = Storage(dtype: v.dtype, count: inputs.count)
        let dHidden = Storage(dtype: v.dtype, count: inputs.count)
        let dState = Storage(dtype: v.dtype, count: state.count)
        switch v.dtype {
        case .float32:
          ck_gru_gates_vjp_f32(
            gates.f32, hidden.storage.f32, state.storage.f32, v.storage.f32, dInputs.f32,
            dHidden.f32, dState.f32, rows, width)
        case .float64:
          ck_gru_gates_vjp_f64(
            gates.f64, hidden.storage.f64, state.storage.f64, v.storage.f64, dInputs.f64,
            dHidden.f64, dState.f64, rows, width)
        }
        return [
          Tensor(dInputs, inputs.shape), Tensor(dHidden, inputs.shape),
          Tensor(dState, state.shape),
        ]
      })
  }
}

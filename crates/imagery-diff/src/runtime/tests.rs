//! Networks in steps beside `rten` alone: the shipped ones, and graphs as others may draw them.

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};

use super::*;
use crate::model::{CHANNELS_IN, MODELS};

#[test]
fn a_network_in_steps_says_what_rten_alone_says() {
    for shipped in MODELS {
        let pair = NdTensor::from_fn([1, CHANNELS_IN, 96, 160], |[_, channel, row, col]| {
            ((row * 7 + col * 13 + channel * 29) % 101) as f32 / 101.0
        });
        agree(shipped.onnx(), &pair, shipped.name);
    }
}

/// Runs a network both ways, and gives its steps.
fn agree(onnx: &[u8], input: &NdTensor<f32, 4>, name: &str) -> Vec<Step<NodeId>> {
    let network = Rten::load(onnx).unwrap();
    let alone = Rten { network: rten::Model::load(onnx.to_vec()).unwrap(), steps: Vec::new() };
    let (got, wanted) = (network.run(&[input.view()]).unwrap(), alone.run(&[input.view()]).unwrap());
    assert_eq!(got.shape(), wanted.shape(), "{name}");
    assert!(got.data().is_some() && wanted.data().is_some(), "{name} lies in one piece");
    let apart = got.iter().zip(wanted.iter()).map(|(got, wanted)| (got - wanted).abs());
    assert!(apart.fold(0.0, f32::max) < 1e-4, "{name}");
    network.steps
}

/// A graph by its nodes; it reads `x` and gives `y`.
#[derive(Default)]
struct Drawn(GraphProto);

impl Drawn {
    fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<AttributeProto>,
    ) -> Drawn {
        self.0.node.push(NodeProto {
            name: Some(format!("{operator} to {output}")),
            op_type: Some(operator.to_owned()),
            input: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: vec![output.to_owned()],
            attribute: attributes,
            ..NodeProto::default()
        });
        self
    }

    fn constant(mut self, name: &str, dims: &[usize], values: Vec<f32>) -> Drawn {
        self.0.initializer.push(TensorProto {
            name: Some(name.to_owned()),
            dims: dims.iter().map(|size| *size as i64).collect(),
            data_type: Some(DataType::FLOAT),
            float_data: values,
            ..TensorProto::default()
        });
        self
    }

    fn integers(mut self, name: &str, values: &[i64]) -> Drawn {
        self.0.initializer.push(TensorProto {
            name: Some(name.to_owned()),
            dims: vec![values.len() as i64],
            data_type: Some(DataType::INT64),
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        self
    }

    /// A convolution with filters `[outputs, inputs, side, side]`.
    fn conv(self, from: &str, to: &str, [outputs, inputs, side]: [usize; 3]) -> Drawn {
        let (weights, bias) = (format!("weights of {to}"), format!("bias of {to}"));
        let attributes = vec![
            integers("kernel_shape", &[side as i64; 2]),
            integers("pads", &[side as i64 / 2; 4]),
            integers("strides", &[1; 2]),
        ];
        let values = some(outputs * inputs * side * side, 0.7).iter().map(|value| value * 0.2).collect();
        self.constant(&weights, &[outputs, inputs, side, side], values)
            .constant(&bias, &[outputs], some(outputs, 1.3))
            .node("Conv", &[from, &weights, &bias], to, attributes)
    }

    fn relu(self, from: &str, to: &str) -> Drawn {
        self.node("Relu", &[from], to, Vec::new())
    }

    fn sum(self, one: &str, other: &str, to: &str) -> Drawn {
        self.node("Add", &[one, other], to, Vec::new())
    }

    fn joined(self, from: &[&str], to: &str) -> Drawn {
        self.node("Concat", from, to, vec![integer("axis", 1)])
    }

    fn twice(self, from: &str, to: &str, mode: &str) -> Drawn {
        let attributes = vec![
            text("mode", mode),
            text("nearest_mode", "floor"),
            text("coordinate_transformation_mode", "asymmetric"),
        ];
        let scales = format!("scales of {to}");
        self.constant(&scales, &[4], vec![1.0, 1.0, 2.0, 2.0]).node(
            "Resize",
            &[from, "", &scales],
            to,
            attributes,
        )
    }

    /// Convolutions, those of them that add, and parts of `rten`, where the graph says the same in steps as alone.
    fn cut(mut self, input: [usize; 4]) -> [usize; 3] {
        let told = |name: &str| vec![ValueInfoProto { name: Some(name.to_owned()), ..Default::default() }];
        (self.0.input, self.0.output) = (told("x"), told("y"));
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto { version: Some(17), ..Default::default() }],
            graph: Some(self.0),
            ..ModelProto::default()
        };
        let input = NdTensor::from_data(input, some(input.iter().product(), 0.37));
        let steps = agree(&model.write_buf().unwrap(), &input, "drawn");
        let count = |of: fn(&Work) -> bool| steps.iter().filter(|step| of(&step.work)).count();
        let sums = count(|work| matches!(work, Work::Sum(_)));
        [count(|work| matches!(work, Work::Layer(_))) + sums, sums, count(|work| matches!(work, Work::Part))]
    }
}

fn integer(name: &str, value: i64) -> AttributeProto {
    let r#type = Some(AttributeType::INT);
    AttributeProto { name: Some(name.to_owned()), i: Some(value), r#type, ..Default::default() }
}

fn integers(name: &str, values: &[i64]) -> AttributeProto {
    let r#type = Some(AttributeType::INTS);
    AttributeProto { name: Some(name.to_owned()), ints: values.to_vec(), r#type, ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    let r#type = Some(AttributeType::FLOAT);
    AttributeProto { name: Some(name.to_owned()), f: Some(value), r#type, ..Default::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let r#type = Some(AttributeType::STRING);
    AttributeProto { name: Some(name.to_owned()), s: Some(value.to_owned()), r#type, ..Default::default() }
}

#[test]
fn a_residual_block_adds_what_it_began_with() {
    let block = || {
        let inner = Drawn::default().conv("x", "a", [5, 3, 3]).conv("a", "inner", [7, 5, 1]);
        inner.relu("inner", "clamped").conv("clamped", "outer", [5, 7, 3]).sum("a", "outer", "s")
    };
    assert_eq!(block().relu("s", "y").cut([2, 3, 9, 14]), [3, 1, 0]);
    // The clamp of a result that is read before it stays with rten.
    assert_eq!(block().relu("s", "r").sum("r", "s", "y").cut([2, 3, 9, 14]), [3, 1, 1]);
    // So does a sum whose parts are not of one shape: one channel is added to all.
    assert_eq!(Drawn::default().conv("x", "a", [4, 1, 3]).sum("a", "x", "y").cut([1, 1, 8, 8]), [1, 0, 1]);
}

#[test]
fn what_is_cut_out_at_the_end_lies_in_one_piece() {
    let drawn =
        Drawn::default().integers("first", &[1, 2]).integers("end", &[7, 6]).integers("axes", &[2, 3]);
    let drawn = drawn.relu("x", "r").node("Slice", &["r", "first", "end", "axes"], "y", Vec::new());
    assert_eq!(drawn.cut([1, 2, 8, 9]), [0, 0, 0]);
}

#[test]
fn bounds_of_older_files_are_attributes() {
    for bounds in [vec![float("min", 0.0), float("max", 0.3)], vec![float("max", 0.3)]] {
        let clipped = Drawn::default().conv("x", "a", [4, 3, 3]).node("Clip", &["a"], "y", bounds);
        assert_eq!(clipped.cut([1, 3, 8, 8]), [1, 0, 1]);
    }
}

#[test]
fn what_is_added_is_kept_where_it_is_read_again() {
    let block = Drawn::default().conv("x", "a", [4, 3, 3]).conv("a", "b", [4, 4, 1]).sum("a", "b", "s");
    let again = block.conv("a", "c", [4, 4, 3]).sum("s", "c", "y");
    assert_eq!(again.cut([1, 3, 10, 12]), [3, 1, 1]);
    let itself = Drawn::default().conv("x", "a", [3, 3, 3]).sum("x", "a", "y");
    assert_eq!(itself.cut([1, 3, 10, 12]), [1, 1, 0]);
}

#[test]
fn a_sum_of_two_shapes_stays_with_rten() {
    let mean = Drawn::default().conv("x", "a", [4, 3, 3]).node("GlobalAveragePool", &["a"], "m", Vec::new());
    assert_eq!(mean.conv("m", "b", [4, 4, 1]).sum("a", "b", "y").cut([1, 3, 10, 12]), [2, 0, 2]);
}

#[test]
fn values_are_joined_where_they_lie() {
    let values = || Drawn::default().conv("x", "a", [4, 3, 3]).conv("x", "b", [5, 3, 3]);
    assert_eq!(values().joined(&["a", "b"], "j").conv("j", "y", [9, 9, 1]).cut([1, 3, 10, 12]), [3, 0, 0]);
    // Not for filters of more than a pixel, for a join that is read twice, or with channels of which nothing is known.
    assert_eq!(values().joined(&["a", "b"], "j").conv("j", "y", [9, 9, 3]).cut([1, 3, 10, 12]), [3, 0, 1]);
    let twice = values().joined(&["a", "b"], "j").conv("j", "c", [9, 9, 1]).sum("c", "j", "y");
    assert_eq!(twice.cut([1, 3, 10, 12]), [3, 1, 1]);
    assert_eq!(values().joined(&["a", "x"], "j").conv("j", "y", [2, 7, 1]).cut([1, 3, 10, 12]), [3, 0, 1]);
}

#[test]
fn a_coarser_value_is_enlarged_after_its_product() {
    let values = |mode: &str| {
        let pooled = vec![integers("kernel_shape", &[2; 2]), integers("strides", &[2; 2])];
        let graph = Drawn::default().conv("x", "a", [4, 3, 3]).node("MaxPool", &["a"], "p", pooled);
        graph.conv("p", "b", [5, 4, 3]).twice("b", "u", mode).joined(&["a", "u"], "j").conv(
            "j",
            "y",
            [9, 9, 1],
        )
    };
    assert_eq!(values("nearest").cut([1, 3, 10, 12]), [3, 0, 1]);
    assert_eq!(values("linear").cut([1, 3, 10, 12]), [3, 0, 2]);
}

#[test]
fn every_two_images_are_joined_with_each_other() {
    let joined = |halves: [&str; 2]| {
        Drawn::default()
            .integers("together", &[-1, 8, 0, 0])
            .integers("apart", &[-1, 4, 0, 0])
            .integers("0", &[0])
            .integers("1", &[1])
            .integers("4", &[4])
            .integers("8", &[8])
            .conv("x", "a", [4, 3, 3])
            .node("Reshape", &["a", "together"], "both", Vec::new())
            .node("Slice", &["both", "0", "4", "1"], "before", Vec::new())
            .node("Slice", &["both", "4", "8", "1"], "after", Vec::new())
            .joined(&halves, "side by side")
            .node("Reshape", &["side by side", "apart"], "other", Vec::new())
            .joined(&["a", "other"], "j")
            .conv("j", "y", [3, 8, 1])
    };
    assert_eq!(joined(["after", "before"]).cut([4, 3, 10, 12]), [2, 0, 0]);
    // Here nothing changes place.
    assert_eq!(joined(["before", "after"]).cut([4, 3, 10, 12]), [2, 0, 1]);
}

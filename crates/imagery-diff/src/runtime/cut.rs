//! Cuts a network at its convolutions, which take nearly all of `rten`'s time.
//!
//! Each becomes a step of its own, done by a [`Layer`]; what lies between two of them stays with `rten`, which can begin and
//! end at any value of a graph.

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::{AttributeProto, DataType, GraphProto, ModelProto, NodeProto, TensorProto};

use super::{
    Layer,
    dense::{self, Dense},
    depthwise::{Depthwise, SIDES, STRIDES},
    winograd::{self, Winograd},
};

/// What is done in turn; values go by their names in the ONNX file.
#[derive(Debug, PartialEq)]
pub(crate) enum Step {
    /// A part of the graph: from these values to those.
    Part {
        /// Values that it reads.
        reads: Vec<String>,
        /// Values that something later reads, or the network's result.
        gives: Vec<String>,
    },
    /// A convolution.
    Filter {
        /// Value that it reads.
        reads: String,
        /// Value that it gives.
        gives: String,
        /// The convolution.
        layer: Layer,
    },
}

/// The steps of an ONNX file whose first output is `result`, or `None` where there is nothing to cut.
pub(crate) fn steps(onnx: &[u8]) -> Option<Vec<Step>> {
    let graph = ModelProto::parse_buf(onnx).ok()?.graph?;
    // The graphs inside a condition or a loop read values of this one without naming them.
    if graph.node.iter().flat_map(|node| &node.attribute).any(|attribute| attribute.g.is_some()) {
        return None;
    }
    let result = graph.output.first()?.name.clone()?;
    let filters = filters(&graph);
    if filters.is_empty() {
        return None;
    }
    let stages = Stages::of(&graph, &filters)?;
    Some(stages.steps(&graph, filters, &result))
}

/// A convolution of the graph with the clamp that follows it.
struct Filter {
    reads: String,
    gives: String,
    /// Numbers of the nodes that it stands for.
    nodes: Vec<usize>,
    layer: Layer,
}

/// The convolutions that can be done here, in the order of the graph.
fn filters(graph: &GraphProto) -> Vec<Filter> {
    let constants: HashMap<&str, &TensorProto> =
        graph.initializer.iter().filter_map(|tensor| Some((tensor.name.as_deref()?, tensor))).collect();
    let outputs: HashSet<&str> = graph.output.iter().filter_map(|output| output.name.as_deref()).collect();
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (number, node) in graph.node.iter().enumerate() {
        for input in &node.input {
            readers.entry(input).or_default().push(number);
        }
    }
    let mut found = Vec::new();
    for (number, node) in graph.node.iter().enumerate() {
        let Some(output) = node.output.first() else { continue };
        let (mut gives, mut bounds) = (output.clone(), [f32::NEG_INFINITY, f32::INFINITY]);
        let mut filter_nodes = vec![number];
        if let Some(&[next]) = readers.get(gives.as_str()).map(Vec::as_slice)
            && !outputs.contains(gives.as_str())
            && let Some(clamped) = clamp(&graph.node[next], &constants)
        {
            bounds = clamped;
            gives = graph.node[next].output[0].clone();
            filter_nodes.push(next);
        }
        let Some(layer) = layer(node, bounds, &constants) else { continue };
        found.push(Filter { reads: node.input[0].clone(), gives, nodes: filter_nodes, layer });
    }
    found
}

/// A node and the bounds of what it gives as a convolution, if it is one of those that are done here.
fn layer(node: &NodeProto, bounds: [f32; 2], constants: &HashMap<&str, &TensorProto>) -> Option<Layer> {
    if node.op_type.as_deref() != Some("Conv") || node.input.len() != 3 {
        return None;
    }
    let filters = constants.get(node.input[1].as_str())?;
    let sizes: Vec<usize> = filters.dims.iter().flat_map(|size| usize::try_from(*size)).collect();
    let [channels, inputs, side, other_side] = sizes[..] else { return None };
    let attribute = |name: &str| node.attribute.iter().find(|each| each.name.as_deref() == Some(name));
    let all = |name: &str, value: i64| match attribute(name) {
        None => value == if name == "pads" { 0 } else { 1 },
        Some(each) => each.ints.iter().all(|each| *each == value),
    };
    let stride = attribute("strides").map_or(1, first_of);
    let groups = attribute("group").and_then(|each| each.i).unwrap_or(1);
    let depthwise = groups == channels as i64 && inputs == 1;
    let shape_fits = if depthwise {
        SIDES.contains(&side) && STRIDES.contains(&stride)
    } else {
        groups == 1 && dense::SHAPES.contains(&(side, stride))
    };
    let fits = side == other_side
        && shape_fits
        && attribute("auto_pad").is_none()
        && all("strides", stride as i64)
        && all("dilations", 1)
        && all("pads", side as i64 / 2);
    if !fits {
        return None;
    }
    let (weights, bias) = (floats(filters)?, floats(constants.get(node.input[2].as_str())?)?);
    if weights.len() != channels * inputs * side * side || bias.len() != channels {
        return None;
    }
    Some(if depthwise {
        Layer::Depthwise(Depthwise { side, stride, weights, bias, bounds })
    } else if (side, stride) == (winograd::SIDE, 1) {
        Layer::Winograd(Winograd::new([channels, inputs], &weights, &bias, bounds))
    } else {
        Layer::Dense(Dense::new([channels, inputs], (side, stride), &weights, &bias, bounds))
    })
}

/// Whether a node gives a constant, which `rten` has at hand in every part.
fn is_constant(node: &NodeProto) -> bool {
    node.op_type.as_deref() == Some("Constant")
}

fn first_of(attribute: &AttributeProto) -> usize {
    attribute.ints.first().and_then(|value| usize::try_from(*value).ok()).unwrap_or(0)
}

/// Bounds of a node that clamps.
fn clamp(node: &NodeProto, constants: &HashMap<&str, &TensorProto>) -> Option<[f32; 2]> {
    let bound = |at: usize, open: f32| match node.input.get(at).map(String::as_str) {
        None | Some("") => Some(open),
        Some(name) => floats(constants.get(name)?)?.first().copied(),
    };
    match node.op_type.as_deref()? {
        "Relu" => Some([0.0, f32::INFINITY]),
        "Clip" => Some([bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?]),
        _ => None,
    }
}

/// The numbers of a constant that lies in the file.
fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != Some(DataType::FLOAT) {
        return None;
    }
    match &tensor.raw_data {
        None => Some(tensor.float_data.clone()),
        Some(raw) => {
            let raw = raw.borrow();
            let numbers = raw.as_chunks::<4>();
            numbers.1.is_empty().then(|| numbers.0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
        }
    }
}

/// Which values are there after how many filters.
struct Stages<'a> {
    /// Number of filters that must be done before a value is there; constants have none.
    of_value: HashMap<&'a str, usize>,
    /// The same of the nodes that stay with `rten`.
    of_node: Vec<Option<usize>>,
}

impl<'a> Stages<'a> {
    /// `None` where the nodes are not in the order of their values, or a filter needs a later one.
    fn of(graph: &'a GraphProto, filters: &[Filter]) -> Option<Stages<'a>> {
        let given = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref());
        let made = graph.node.iter().filter(|node| is_constant(node)).flat_map(|node| &node.output);
        let constants: HashSet<&str> = given.chain(made.map(String::as_str)).collect();
        let mut of_value: HashMap<&str, usize> =
            graph.input.iter().filter_map(|input| Some((input.name.as_deref()?, 0))).collect();
        let mut of_node = vec![None; graph.node.len()];
        let in_filters: HashMap<usize, usize> = filters
            .iter()
            .enumerate()
            .flat_map(|(filter, each)| each.nodes.iter().map(move |node| (*node, filter)))
            .collect();
        for (number, node) in graph.node.iter().enumerate().filter(|(_, node)| !is_constant(node)) {
            let mut stage = 0;
            for input in node
                .input
                .iter()
                .map(String::as_str)
                .filter(|name| !name.is_empty() && !constants.contains(name))
            {
                stage = stage.max(*of_value.get(input)?);
            }
            match in_filters.get(&number) {
                // A filter is done when everything that it needs is, and its result is there one stage later.
                Some(filter) if stage > *filter + usize::from(filters[*filter].nodes[0] != number) => {
                    return None;
                }
                Some(filter) => stage = filter + 1,
                None => of_node[number] = Some(stage),
            }
            of_value.extend(node.output.iter().map(|output| (output.as_str(), stage)));
        }
        Some(Stages { of_value, of_node })
    }

    /// Parts of the graph and filters in turn.
    fn steps(&self, graph: &GraphProto, filters: Vec<Filter>, result: &str) -> Vec<Step> {
        let last = filters.len();
        let mut filters = filters.into_iter();
        let read_by_filters: HashSet<String> =
            filters.as_slice().iter().map(|filter| filter.reads.clone()).collect();
        let mut steps = Vec::new();
        for stage in 0..=last {
            let nodes = || graph.node.iter().enumerate().filter(|(at, _)| self.of_node[*at] == Some(stage));
            let made: HashSet<&str> =
                nodes().flat_map(|(_, node)| node.output.iter().map(String::as_str)).collect();
            let read_later = |value: &str| {
                graph.node.iter().enumerate().any(|(at, node)| {
                    self.of_node[at].is_some_and(|of| of > stage)
                        && node.input.iter().any(|input| input == value)
                })
            };
            let mut reads: Vec<String> = Vec::new();
            for input in nodes().flat_map(|(_, node)| &node.input) {
                let outside = self.of_value.contains_key(input.as_str()) && !made.contains(input.as_str());
                if outside && !reads.contains(input) {
                    reads.push(input.clone());
                }
            }
            let gives: Vec<String> = nodes()
                .flat_map(|(_, node)| &node.output)
                .filter(|value| {
                    value.as_str() == result || read_by_filters.contains(*value) || read_later(value)
                })
                .cloned()
                .collect();
            if !gives.is_empty() {
                steps.push(Step::Part { reads, gives });
            }
            if let Some(Filter { reads, gives, layer, .. }) = filters.next() {
                steps.push(Step::Filter { reads, gives, layer });
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Shipped;

    #[test]
    fn a_network_is_cut_at_each_of_its_convolutions() {
        for (name, wanted) in [("research", [23, 0]), ("research-large", [57, 16])] {
            let steps = steps(Shipped::named(name).unwrap().onnx()).unwrap();
            let layers: Vec<&Layer> = steps
                .iter()
                .filter_map(|step| match step {
                    Step::Filter { layer, .. } => Some(layer),
                    Step::Part { .. } => None,
                })
                .collect();
            let depthwise = layers.iter().filter(|layer| matches!(layer, Layer::Depthwise(_))).count();
            assert_eq!([layers.len(), depthwise], wanted, "{name}");
            let Some(Step::Part { reads, .. }) = steps.first() else { panic!("{steps:?}") };
            assert_eq!(reads, &["pair"]);
            let Some(Step::Part { gives, .. }) = steps.last() else { panic!("{steps:?}") };
            assert_eq!(gives, &["evidence"]);
            for layer in layers {
                if let Layer::Depthwise(layer) = layer {
                    assert_eq!(layer.bounds, [0.0, 6.0], "the clamp belongs to it");
                }
            }
        }
    }

    #[test]
    fn what_is_no_network_is_not_cut() {
        assert_eq!(steps(b"no network"), None);
    }
}

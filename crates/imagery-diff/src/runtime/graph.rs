//! What the nodes of an ONNX graph are, and who gives and reads its values.

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::{AttributeProto, DataType, GraphProto, NodeProto, TensorProto};

/// A graph with its values by their names.
pub(super) struct Graph<'a> {
    pub(super) nodes: &'a [NodeProto],
    constants: HashMap<&'a str, &'a TensorProto>,
    results: HashSet<&'a str>,
    makers: HashMap<&'a str, usize>,
    readers: HashMap<&'a str, Vec<usize>>,
}

/// A convolution of images with square filters, one stride, and the border that keeps what they read in the middle.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) outputs: usize,
    /// Channels that each filter reads.
    pub(super) inputs: usize,
    pub(super) groups: usize,
    pub(super) side: usize,
    pub(super) stride: usize,
}

impl<'a> Graph<'a> {
    pub(super) fn of(graph: &'a GraphProto) -> Graph<'a> {
        let constants = graph.initializer.iter().filter_map(|tensor| Some((tensor.name.as_deref()?, tensor)));
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut makers = HashMap::new();
        for (number, node) in graph.node.iter().enumerate() {
            for input in &node.input {
                readers.entry(input).or_default().push(number);
            }
            makers.extend(node.output.iter().map(|output| (output.as_str(), number)));
        }
        Graph {
            nodes: &graph.node,
            constants: constants.collect(),
            results: graph.output.iter().filter_map(|output| output.name.as_deref()).collect(),
            makers,
            readers,
        }
    }

    /// The node that alone reads a value, which is no result of the graph.
    pub(super) fn only_reader(&self, value: &str) -> Option<usize> {
        match self.readers.get(value)?[..] {
            [reader] if !self.results.contains(value) => Some(reader),
            _ => None,
        }
    }

    /// The node of an operator that makes a value, which so many others read.
    fn maker(&self, value: &str, operator: &str, readers: usize) -> Option<usize> {
        let maker = *self.makers.get(value)?;
        let read = self.readers.get(value)?.len() == readers && !self.results.contains(value);
        (read && self.is(maker, operator)).then_some(maker)
    }

    pub(super) fn is(&self, node: usize, operator: &str) -> bool {
        self.nodes[node].op_type.as_deref() == Some(operator)
    }

    /// The shape of a node that is a convolution as [`Shape`] says.
    pub(super) fn convolution(&self, number: usize) -> Option<Shape> {
        let node = &self.nodes[number];
        if !self.is(number, "Conv") || node.input.len() != 3 {
            return None;
        }
        let filters = self.constants.get(node.input[1].as_str())?;
        let sizes: Vec<usize> = filters.dims.iter().flat_map(|size| usize::try_from(*size)).collect();
        let [outputs, inputs, side, other_side] = sizes[..] else { return None };
        if sizes.contains(&0) {
            return None;
        }
        let all = |name: &str, value: i64| match attribute(node, name) {
            None => value == if name == "pads" { 0 } else { 1 },
            Some(each) => each.ints.iter().all(|each| *each == value),
        };
        let stride = attribute(node, "strides").map_or(Some(1), first_of)?;
        let groups = attribute(node, "group").map_or(Some(1), |each| usize::try_from(each.i?).ok())?;
        let fits = side == other_side
            && attribute(node, "auto_pad").is_none()
            && all("strides", stride as i64)
            && all("dilations", 1)
            && all("pads", side as i64 / 2);
        fits.then_some(Shape { outputs, inputs, groups, side, stride })
    }

    /// Filters `[outputs, inputs, side, side]` and bias of a convolution.
    pub(super) fn filters(&self, number: usize, shape: Shape) -> Option<(Vec<f32>, Vec<f32>)> {
        let constant = |at: usize| floats(self.constants.get(self.nodes[number].input[at].as_str())?);
        let (filters, bias) = (constant(1)?, constant(2)?);
        let fits =
            filters.len() == shape.outputs * shape.inputs * shape.side.pow(2) && bias.len() == shape.outputs;
        fits.then_some((filters, bias))
    }

    /// Bounds of a node that clamps.
    pub(super) fn clamp(&self, number: usize) -> Option<[f32; 2]> {
        let node = &self.nodes[number];
        let bound = |at: usize, open: f32| match node.input.get(at).map(String::as_str) {
            None | Some("") => Some(open),
            Some(name) => floats(self.constants.get(name)?)?.first().copied(),
        };
        match node.op_type.as_deref()? {
            "Relu" => Some([0.0, f32::INFINITY]),
            // before opset 11 the bounds are attributes
            "Clip" if attribute(node, "min").or(attribute(node, "max")).is_some() => None,
            "Clip" => Some([bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?]),
            _ => None,
        }
    }

    /// The other value of a sum of two with the result of a convolution, if it has the same shape: it is what convolutions
    /// without strides began with.
    pub(super) fn passed_by(&self, sum: usize, convolution: usize) -> Option<&'a str> {
        let [first, second] = &self.nodes[sum].input[..] else { return None };
        let result = self.nodes[convolution].output.first()?;
        let other = if first == result { second } else { first };
        let outputs = self.convolution(convolution)?.outputs;
        let mut at = convolution;
        loop {
            let read = self.nodes[at].input.first()?;
            match self.convolution(at) {
                Some(shape) if shape.stride != 1 => return None,
                Some(shape) if read == other => {
                    return (shape.inputs * shape.groups == outputs).then_some(other);
                }
                Some(_) => {}
                None => {
                    self.clamp(at)?;
                }
            }
            at = self.made_before(read, at)?;
        }
    }

    /// What a node puts side by side, channel after channel of images, for the one that reads `value` alone.
    pub(super) fn joined(&self, value: &str) -> Option<(usize, &'a [String])> {
        let number = self.maker(value, "Concat", 1)?;
        let node = &self.nodes[number];
        (attribute(node, "axis")?.i == Some(1)).then_some((number, &node.input[..]))
    }

    /// What a node enlarges, each pixel to two by two, for the one that reads `value` alone.
    pub(super) fn enlarged(&self, value: &str) -> Option<(usize, &'a str)> {
        let number = self.maker(value, "Resize", 1)?;
        let node = &self.nodes[number];
        let [from, region, scales] = &node.input[..] else { return None };
        let told = |name: &str, wanted: &str| attribute(node, name)?.s.as_deref().map(|told| told == wanted);
        let twice = region.is_empty()
            && floats(self.constants.get(scales.as_str())?)? == [1.0, 1.0, 2.0, 2.0]
            && told("mode", "nearest")?
            && told("nearest_mode", "floor")?
            && told("coordinate_transformation_mode", "asymmetric")?;
        twice.then_some((number, from))
    }

    /// What nodes make of a value by putting the other of every two images in the place of each, for the one that reads it alone:
    /// two images side by side, the second half of their channels before the first.
    pub(super) fn of_other(&self, value: &str) -> Option<(Vec<usize>, &'a str)> {
        let apart = self.maker(value, "Reshape", 1)?;
        let (swapped, [second, first]) = self.joined(self.nodes[apart].input.first()?)? else { return None };
        let halves = [self.maker(first, "Slice", 1)?, self.maker(second, "Slice", 1)?];
        let both = self.nodes[halves[0]].input.first()?;
        let together = self.maker(both, "Reshape", 2)?;
        let from = self.nodes[together].input.first()?.as_str();
        let channels = i64::try_from(self.channels(from)?).ok()?;
        let input = |node: usize, at: usize| self.integers(self.nodes[node].input.get(at)?);
        let is_part = |half: usize, start: i64| {
            let node = &self.nodes[half];
            let range = (input(half, 1)?, input(half, 2)?, input(half, 3)?);
            let wanted = (vec![start], vec![start + channels], vec![1]);
            Some(node.input.len() == 4 && node.input[0] == *both && range == wanted)
        };
        let fits = is_part(halves[0], 0)?
            && is_part(halves[1], channels)?
            && input(together, 1)? == [-1, 2 * channels, 0, 0]
            && input(apart, 1)? == [-1, channels, 0, 0]
            && [together, apart].iter().all(|node| attribute(&self.nodes[*node], "allowzero").is_none());
        fits.then(|| (vec![together, halves[0], halves[1], swapped, apart], from))
    }

    /// The channels of an image that a convolution made, whether a sum and a clamp follow or not.
    pub(super) fn channels(&self, value: &str) -> Option<usize> {
        let mut at = *self.makers.get(value)?;
        loop {
            if let Some(shape) = self.convolution(at) {
                return Some(shape.outputs);
            }
            let inputs = &self.nodes[at].input;
            if self.is(at, "Add") {
                let convolutions = inputs.iter().filter_map(|input| self.made_before(input, at));
                let mut summed = convolutions.filter(|each| self.passed_by(at, *each).is_some());
                at = summed.next()?;
            } else {
                self.clamp(at)?;
                at = self.made_before(inputs.first()?, at)?;
            }
        }
    }

    /// The node that makes a value, if it comes before another.
    fn made_before(&self, value: &str, reader: usize) -> Option<usize> {
        self.makers.get(value).copied().filter(|maker| *maker < reader)
    }

    /// Whole numbers of a constant that lies in the file.
    fn integers(&self, constant: &str) -> Option<Vec<i64>> {
        let tensor = self.constants.get(constant)?;
        if tensor.data_type != Some(DataType::INT64) {
            return None;
        }
        numbers(tensor, &tensor.int64_data, i64::from_le_bytes)
    }
}

/// Whether a node gives a constant, which `rten` has at hand in every part.
pub(super) fn is_constant(node: &NodeProto) -> bool {
    node.op_type.as_deref() == Some("Constant")
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|each| each.name.as_deref() == Some(name))
}

fn first_of(attribute: &AttributeProto) -> Option<usize> {
    usize::try_from(*attribute.ints.first()?).ok().filter(|value| *value > 0)
}

/// The numbers of a constant that lies in the file.
fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    if tensor.data_type != Some(DataType::FLOAT) {
        return None;
    }
    numbers(tensor, &tensor.float_data, f32::from_le_bytes)
}

/// The numbers of a constant: its bytes, or those that lie there one by one.
fn numbers<T: Clone, const BYTES: usize>(
    tensor: &TensorProto,
    listed: &[T],
    read: impl Fn([u8; BYTES]) -> T,
) -> Option<Vec<T>> {
    let Some(raw) = &tensor.raw_data else { return Some(listed.to_vec()) };
    let raw = raw.borrow();
    let (numbers, rest) = raw.as_chunks::<BYTES>();
    rest.is_empty().then(|| numbers.iter().map(|bytes| read(*bytes)).collect())
}

// Writes and reads raw Kafka records for tests, with Kafka's own client, because Taskflow has none. One file, run by `java Records.java`.
//
//   produce <bootstrap> <topic>    writes lines of standard input, key|value; a key hex:… is these bytes, and adds malformed headers
//   consume <bootstrap> <topic>    prints all current records as partition|offset|key|value, the key URL-encoded
//   committed <bootstrap> <topic> <group>    prints the group's committed offsets in the topic as partition|offset

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

class Records {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> at = Map.of("bootstrap.servers", arguments[1]);
        switch (arguments[0]) {
            case "produce" -> produce(at, arguments[2]);
            case "consume" -> consume(at, arguments[2]);
            case "committed" -> committed(at, arguments[2], arguments[3]);
            default -> throw new IllegalArgumentException(arguments[0]);
        }
    }

    private static void produce(Map<String, Object> at, String topic) throws Exception {
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(at, new ByteArraySerializer(), new StringSerializer())) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                String[] parts = line.split("\\|", 2);
                sent.add(producer.send(record(topic, parts[0], parts[1])));
            }
            for (var one : sent) {
                one.get();
            }
        }
    }

    private static ProducerRecord<byte[], String> record(String topic, String key, String value) {
        if (!key.startsWith("hex:")) {
            return new ProducerRecord<>(topic, key.getBytes(StandardCharsets.UTF_8), value);
        }
        byte[] bytes = HexFormat.of().parseHex(key.substring(4));
        var record = new ProducerRecord<>(topic, bytes, value);
        var names = List.of("connection", "dapr-api-token", "ce_id", "grpc-timeout", "content-type", "traceparent", "a\u00e4 b", ":path", "");
        for (String name : names) {
            record.headers().add(name, bytes);
        }
        return record;
    }

    private static void consume(Map<String, Object> at, String topic) {
        try (var consumer = new KafkaConsumer<>(at, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions =
                consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                consumer.poll(Duration.ofMillis(200)).forEach(Records::print);
            }
        }
    }

    private static void print(ConsumerRecord<String, String> record) {
        String key = URLEncoder.encode(String.valueOf(record.key()), StandardCharsets.UTF_8);
        System.out.println(record.partition() + "|" + record.offset() + "|" + key + "|" + record.value());
    }

    private static void committed(Map<String, Object> at, String topic, String group) throws Exception {
        try (var admin = Admin.create(at)) {
            var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
            offsets.forEach((partition, offset) -> {
                if (partition.topic().equals(topic) && offset != null) {
                    System.out.println(partition.partition() + "|" + offset.offset());
                }
            });
        }
    }
}
